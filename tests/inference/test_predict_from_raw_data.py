import importlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nnunetv2.errors import (
    CallError,
    CaseFailedError,
    CasesFailedError,
    DatasetError,
    InvalidOutputError,
    InvalidValueError,
    UnfitImageError,
    WorkerDiedError,
)
from nnunetv2.foundation.files import read_json
from nnunetv2.inference import predict_from_raw_data
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from tests.factories.models import CPU, Trainer, write_model_folder
from tests.factories.plans import make_dataset_json, make_plans
from tests.inference.conftest import write_rgb

RECORD = ["dataset.json", "plans.json", "predict_from_raw_data_args.json"]
_expected: dict[str, np.ndarray] = {}
"""What the fixture of this name returns; model and images are the same in all tests."""


@pytest.fixture
def model(rgb_model: Path) -> nnUNetPredictor:
    """The RGB model with both folds, ready to predict on the CPU."""
    predictor = nnUNetPredictor(device=CPU, allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(rgb_model, None)
    return predictor


@pytest.fixture
def expected(model: nnUNetPredictor, rgb_images: Path) -> dict[str, np.ndarray]:
    """The segmentations of the three images, predicted as single arrays."""
    reader = model.plans_manager.image_reader_writer_class()
    for case in "abc" if not _expected else "":
        image, properties = reader.read_images([str(rgb_images / f"{case}_0000.png")])
        _expected[case] = model.predict_single_npy_array(image, properties, None, None, False)
    assert all(len(np.unique(segmentation)) == 3 for segmentation in _expected.values())
    return {case: segmentation.copy() for case, segmentation in _expected.items()}


def read(folder: Path, *cases: str) -> dict[str, np.ndarray]:
    return {case: np.array(Image.open(folder / f"{case}.png"))[None] for case in cases}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("workers", [0, 1, pytest.param(3, marks=pytest.mark.long)])
def test_a_folder_is_predicted_with_any_number_of_workers(model, rgb_images, expected, tmp_path, workers) -> None:
    out = tmp_path / "made" / "out"
    results = model.predict_from_files(rgb_images, out, False, True, workers, workers)
    assert results == [None] * 3
    assert names(out) == ["a.png", "b.png", "c.png", *RECORD]
    np.testing.assert_equal(read(out, *"abc"), expected)


def test_sequential_prediction_gives_the_same_and_starts_no_process(
    model, rgb_images, expected, tmp_path, monkeypatch
) -> None:
    def no_process(self: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr("multiprocessing.process.BaseProcess.start", no_process)
    monkeypatch.setattr("subprocess.Popen.__init__", no_process)
    assert model.predict_from_files_sequential(str(rgb_images), str(tmp_path / "out")) == []
    np.testing.assert_equal(read(tmp_path / "out", *"abc"), expected)
    assert model.predict_from_files(str(rgb_images), None, False, True, 0, 0) is not None


@pytest.mark.long
def test_results_are_returned_in_order_when_there_is_no_output(model, rgb_images, expected) -> None:
    files = [[str(rgb_images / f"{case}_0000.png")] for case in "cab"]
    segmentations = model.predict_from_files(files, None, False, True, 2, 2)
    np.testing.assert_equal(dict(zip("cab", segmentations, strict=True)), expected)
    with_probabilities = model.predict_from_files_sequential(files[:1], None, save_probabilities=True)
    segmentation, probabilities = with_probabilities[0]
    np.testing.assert_equal(segmentation, expected["c"])
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (3, 1, 40, 50)
    np.testing.assert_equal(probabilities.argmax(0), expected["c"])


def test_the_call_is_recorded_in_the_output_folder(model, rgb_model, rgb_images, tmp_path) -> None:
    model.predict_from_files(rgb_images, tmp_path / "out", num_processes_preprocessing=0, num_parts=3, part_id=1)
    assert names(tmp_path / "out") == ["b.png", *RECORD]
    text = (tmp_path / "out" / "predict_from_raw_data_args.json").read_text()
    record = json.loads(text)
    assert list(record) == sorted(record)
    assert text == json.dumps(record, indent=4)
    assert record["list_of_lists_or_source_folder"] == str(rgb_images)
    assert (record["num_parts"], record["part_id"], record["overwrite"]) == (3, 1, True)
    for name in RECORD[:2]:
        assert read_json(tmp_path / "out" / name) == read_json(rgb_model / name)


def test_the_sequential_record_holds_its_own_five_arguments(model, rgb_images, tmp_path) -> None:
    model.predict_from_files_sequential(rgb_images, tmp_path / "out")
    assert sorted(read_json(tmp_path / "out" / RECORD[2])) == [
        "folder_with_segs_from_prev_stage",
        "list_of_lists_or_source_folder",
        "output_folder_or_list_of_truncated_output_files",
        "overwrite",
        "save_probabilities",
    ]


def test_continuing_skips_finished_cases(model, rgb_images, tmp_path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    Image.fromarray(np.full((2, 2), 7, np.uint8)).save(out / "a.png")
    finished = (out / "a.png").read_bytes()
    model.predict_from_files_sequential(rgb_images, out, overwrite=False)
    assert (out / "a.png").read_bytes() == finished
    assert model.predict_from_files_sequential(rgb_images, out, overwrite=False) is None
    model.predict_from_files_sequential(rgb_images, out, save_probabilities=True, overwrite=False)
    assert (out / "a.png").read_bytes() != finished
    assert {"a.npz", "a.pkl"} <= set(names(out))


@pytest.mark.parametrize(
    "method", [pytest.param("predict_from_files", marks=pytest.mark.long), "predict_from_files_sequential"]
)
def test_parts_share_the_cases(model, rgb_images, tmp_path, method: str) -> None:
    for part in range(2):
        getattr(model, method)(rgb_images, tmp_path / str(part), num_parts=2, part_id=part)
    assert names(tmp_path / "0") == ["a.png", "c.png", *RECORD]
    assert names(tmp_path / "1") == ["b.png", *RECORD]
    with pytest.raises(InvalidValueError, match="part_id"):
        getattr(model, method)(rgb_images, tmp_path / "2", num_parts=2, part_id=2)


@pytest.mark.long
def test_listed_outputs_may_carry_the_ending_and_lie_anywhere(model, rgb_images, expected, tmp_path) -> None:
    files = [[rgb_images / f"{case}_0000.png"] for case in "ab"]
    model.predict_from_files(
        files, [str(tmp_path / "x" / "1.png"), tmp_path / "y" / "2"], num_processes_preprocessing=1
    )
    np.testing.assert_equal(read(tmp_path / "x", "1")["1"], expected["a"])
    np.testing.assert_equal(read(tmp_path / "y", "2")["2"], expected["b"])


@pytest.mark.parametrize("workers", [0, 1])
def test_broken_images_do_not_stop_the_others(model, rgb_images, expected, tmp_path, workers: int) -> None:
    (rgb_images / "b_0000.png").write_bytes((rgb_images / "b_0000.png").read_bytes()[:300])
    with pytest.raises(CaseFailedError, match=r"case b: .*b_0000\.png"):
        model.predict_from_files(rgb_images, tmp_path / "out", False, True, workers, workers)
    assert names(tmp_path / "out") == ["a.png", "c.png", *RECORD]
    np.testing.assert_equal(read(tmp_path / "out", *"ac"), {case: expected[case] for case in "ac"})


def test_an_image_with_other_channels_is_named(model, rgb_images, tmp_path) -> None:
    Image.fromarray(np.zeros((40, 50), np.uint8)).save(rgb_images / "b_0000.png")
    with pytest.raises(CaseFailedError, match="case b"):
        model.predict_from_files_sequential(rgb_images, tmp_path / "out")
    assert names(tmp_path / "out") == ["a.png", "c.png", *RECORD]


def test_a_case_with_nan_logits_is_named_and_the_others_are_written(model, rgb_images, tmp_path) -> None:
    original = model.network.forward
    model.network.forward = lambda x: original(x) * (float("nan") if x.shape == (1, 3, 32, 32) and x.std() > 10 else 1)
    run_case = model.configuration_manager.preprocessor_class.run_case

    class Amplifying(model.configuration_manager.preprocessor_class):
        def run_case(self, files, *arguments):
            data, *rest = run_case(self, files, *arguments)
            return (data * 1000 if "b_0000" in files[0] else data, *rest)

    model.configuration_manager = _WithPreprocessor(model.configuration_manager, Amplifying)
    with pytest.raises(CaseFailedError, match="case b: the network predicted NaN"):
        model.predict_from_files_sequential(rgb_images, tmp_path / "out")
    assert names(tmp_path / "out") == ["a.png", "c.png", *RECORD]


class _WithPreprocessor:
    """A configuration manager with another preprocessor class."""

    def __init__(self, manager: Any, preprocessor_class: Any):
        self._manager = manager
        self.preprocessor_class = preprocessor_class

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manager, name)


def test_several_failures_are_named_together(model, rgb_images, tmp_path) -> None:
    for case in "ab":
        (rgb_images / f"{case}_0000.png").write_text("no image")
    with pytest.raises(CasesFailedError, match=r"(?s)2 cases failed.*case a:.*case b:"):
        model.predict_from_files_sequential(rgb_images, tmp_path / "out")
    assert names(tmp_path / "out") == ["c.png", *RECORD]


@pytest.mark.parametrize("shape", [(7, 9), (7, 200), (32, 32), (33, 5)])
def test_images_smaller_than_the_patch_are_predicted(model, tmp_path, shape: tuple[int, int]) -> None:
    write_rgb(tmp_path / "small_0000.png", 1, shape)
    (segmentation,) = model.predict_from_files_sequential([[tmp_path / "small_0000.png"]], None)
    assert segmentation.shape == (1, *shape)


@pytest.mark.parametrize("value", [0, 7, 255])
def test_constant_images_are_predicted(model, tmp_path, value: int) -> None:
    Image.fromarray(np.full((40, 50, 3), value, np.uint8)).save(tmp_path / "flat_0000.png")
    (segmentation,) = model.predict_from_files_sequential([[tmp_path / "flat_0000.png"]], None)
    assert segmentation.shape == (1, 40, 50)


@pytest.mark.parametrize("workers", [0, 1])
def test_the_folder_of_images_is_listed_once(model, rgb_images, tmp_path, count_listings, workers: int) -> None:
    model.predict_from_files(str(rgb_images), str(tmp_path / "out"), False, True, workers, workers)
    assert count_listings(rgb_images) == 1


def test_nothing_to_do_returns_none(model, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    assert model.predict_from_files(tmp_path / "empty", tmp_path / "out") is None


def test_arrays_come_singly_or_in_lists(model, rgb_images, expected) -> None:
    reader = model.plans_manager.image_reader_writer_class()
    images, properties = zip(*(reader.read_images([str(rgb_images / f"{c}_0000.png")]) for c in "abc"), strict=True)
    (one,) = model.predict_from_list_of_npy_arrays(images[0], None, properties[0], None, 1, False, 1)
    np.testing.assert_equal(one, expected["a"])
    for workers in (0, 2):
        several = model.predict_from_list_of_npy_arrays(
            list(images), None, list(properties), None, workers, False, workers
        )
        np.testing.assert_equal(dict(zip("abc", several, strict=True)), expected)
    assert all(set(entry) == {"spacing"} for entry in properties)


def test_a_single_array_needs_only_a_spacing_and_gets_its_properties_completed(model, rgb_images, expected) -> None:
    image = np.array(Image.open(rgb_images / "a_0000.png")).transpose(2, 0, 1)[:, None].astype(np.float32)
    properties = {"spacing": [999, 1, 1]}
    np.testing.assert_equal(model.predict_single_npy_array(image, properties), expected["a"])
    assert {"shape_before_cropping", "bbox_used_for_cropping"} <= set(properties)


def test_a_single_array_can_be_written(model, rgb_images, expected, tmp_path) -> None:
    image, properties = model.plans_manager.image_reader_writer_class().read_images([str(rgb_images / "a_0000.png")])
    assert model.predict_single_npy_array(image, properties, None, str(tmp_path / "x"), True) is None
    assert {"x.png", "x.npz", "x.pkl"} <= set(names(tmp_path))
    np.testing.assert_equal(read(tmp_path, "x")["x"], expected["a"])


def items(model: nnUNetPredictor, images: Path) -> Iterator[dict[str, Any]]:
    preprocessor = model.configuration_manager.preprocessor_class(verbose=False)
    for case in "abc":
        data, _, properties = preprocessor.run_case(
            [str(images / f"{case}_0000.png")],
            None,
            model.plans_manager,
            model.configuration_manager,
            model.dataset_json,
        )
        yield {"data": torch.from_numpy(data), "data_properties": properties, "ofile": None, "more": case}


@pytest.mark.long
def test_any_iterator_of_items_is_predicted(model, rgb_images, expected, tmp_path) -> None:
    results = model.predict_from_data_iterator(items(model, rgb_images), False, 1)
    np.testing.assert_equal(dict(zip("abc", results, strict=True)), expected)
    assert model.predict_from_data_iterator(iter(()), False, 1) == []


def test_an_item_may_name_an_npy_file_which_is_removed(model, rgb_images, expected, tmp_path) -> None:
    item = next(items(model, rgb_images))
    np.save(tmp_path / "data.npy", item["data"].numpy())
    (result,) = model.predict_from_data_iterator([{**item, "data": str(tmp_path / "data.npy")}], False, 0)
    np.testing.assert_equal(result, expected["a"])
    assert not (tmp_path / "data.npy").exists()


def test_an_error_of_a_clients_iterator_reaches_the_client(model, rgb_images) -> None:
    def failing() -> Iterator[dict[str, Any]]:
        yield next(items(model, rgb_images))
        raise KeyError("the client's own")

    with pytest.raises(KeyError, match="the client's own"):
        model.predict_from_data_iterator(failing(), False, 0)


def kill_worker(logits: np.ndarray, *_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_export_worker_is_noticed_with_its_case(model, rgb_images, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(predict_from_raw_data, "export_prediction_from_logits", kill_worker)
    with pytest.raises(WorkerDiedError, match=r"case a.*SIGKILL"):
        model.predict_from_files(rgb_images, tmp_path / "out", False, True, 0, 1)


class KillingPreprocessor:
    """Ends its own process."""

    def __init__(self, verbose: bool = False):
        self.verbose = verbose

    def run_case(self, *_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.long
def test_a_killed_preprocessing_worker_is_noticed(model, rgb_images, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(
        type(model.configuration_manager), "preprocessor_class", property(lambda self: KillingPreprocessor)
    )
    with pytest.raises(WorkerDiedError, match=r"case [ab].*SIGKILL"):
        model.predict_from_files(rgb_images, tmp_path / "out", False, True, 1, 1)


def test_replaced_export_functions_are_used(model, rgb_images, tmp_path, monkeypatch) -> None:
    calls: list[tuple] = []
    name = "convert_predicted_logits_to_segmentation_with_correct_shape"
    monkeypatch.setattr(predict_from_raw_data, name, lambda *arguments, **_: calls.append(arguments) or "patched")
    files = [[rgb_images / "a_0000.png"]]
    assert model.predict_from_files_sequential(files, None) == ["patched"]
    monkeypatch.setattr(predict_from_raw_data, "export_prediction_from_logits", lambda *a: calls.append(a))
    model.predict_from_files_sequential(files, tmp_path / "out")
    assert len(calls) == 2
    assert calls[1][5] == str(tmp_path / "out" / "a")


@pytest.mark.parametrize(
    "name",
    [
        "PlansManager",
        "PreprocessAdapterFromNpy",
        "compute_gaussian",
        "compute_steps_for_sliding_window",
        "convert_predicted_logits_to_segmentation_with_correct_shape",
        "determine_num_input_channels",
        "dummy_context",
        "empty_cache",
        "preprocessing_iterator_fromfiles",
        "preprocessing_iterator_fromnpy",
        "recursive_find_trainer_class_by_name",
        "tqdm",
    ],
)
def test_what_stands_in_the_module_in_the_place_of_a_name_is_called(
    rgb_model, rgb_images, monkeypatch, name: str
) -> None:
    calls: list[int] = []
    original = getattr(predict_from_raw_data, name)

    def calling(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        return original(*arguments, **options)

    calling.cache_clear = lambda: None
    monkeypatch.setattr(predict_from_raw_data, name, calling)
    model = nnUNetPredictor(device=CPU, allow_tqdm=False)
    model.initialize_from_trained_model_folder(rgb_model, (0,))
    model.predict_from_files_sequential([[rgb_images / "a_0000.png"]], None)
    image = np.ones((3, 1, 8, 8), np.float32)
    model.predict_single_npy_array(image, {"spacing": [999, 1, 1]})
    model.predict_from_list_of_npy_arrays([image], None, [{"spacing": [999, 1, 1]}], None, 0, False, 0)
    assert calls


@pytest.mark.parametrize(("name", "number"), [("fromfiles", 9), ("fromnpy", 10)])
def test_a_replaced_iterator_is_called_as_nnunet_calls_it(
    model, rgb_images, monkeypatch, name: str, number: int
) -> None:
    calls: list[tuple] = []
    original = getattr(predict_from_raw_data, f"preprocessing_iterator_{name}")

    def with_names_of_its_own(*arguments: Any) -> Any:
        calls.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(predict_from_raw_data, f"preprocessing_iterator_{name}", with_names_of_its_own)
    model.verbose_preprocessing = "verbose"
    model.predict_from_files([[rgb_images / "a_0000.png"]], None, False, True, 0, 0)
    model.predict_from_list_of_npy_arrays(
        [np.ones((3, 1, 8, 8), np.float32)], None, [{"spacing": [999, 1, 1]}], None, 0, False, 0
    )
    (arguments,) = calls
    assert len(arguments) == number
    assert arguments[-3:] == (0, False, "verbose")


def test_a_subclass_that_overrides_the_iterator_method_is_reached(model, rgb_images, tmp_path) -> None:
    model.predict_from_data_iterator = lambda iterator, save, workers: [save, workers]
    assert model.predict_from_files(rgb_images, tmp_path / "out", True, True, 1, 8) == [True, 3]


def test_the_methods_work_if_attributes_were_only_assigned(model, rgb_images, expected) -> None:
    bare = nnUNetPredictor(device=CPU, allow_tqdm=False)
    for name in ("plans_manager", "configuration_manager", "list_of_parameters", "network", "dataset_json"):
        setattr(bare, name, getattr(model, name))
    bare.label_manager = model.label_manager
    bare.allowed_mirroring_axes = (0, 1)
    (segmentation,) = bare.predict_from_files_sequential([[rgb_images / "a_0000.png"]], None)
    np.testing.assert_equal(segmentation, expected["a"])


def test_a_previous_stage_is_required_exactly_if_there_is_one(model, rgb_images, tmp_path) -> None:
    with pytest.raises(AssertionError, match="this configuration has no previous stage"):
        model.predict_from_files(rgb_images, None, folder_with_segs_from_prev_stage=tmp_path)
    model.configuration_manager.configuration["previous_stage"] = "2d_lowres"
    with pytest.raises(AssertionError, match="2d_lowres"):
        model.predict_from_files(rgb_images, None)


def test_the_cached_gaussian_is_cleared_after_a_run(model, rgb_images) -> None:
    model.predict_from_files_sequential([[rgb_images / "a_0000.png"]], None)
    assert predict_from_raw_data.compute_gaussian.cache_info().currsize == 0


def test_results_that_would_replace_an_input_are_refused_before_anything_is_written(model, tmp_path) -> None:
    for name in ("x_0000.png", "x_0000_0000.png"):
        write_rgb(tmp_path / name, 1, (40, 40))
    (tmp_path / "link").symlink_to(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.png")}

    with pytest.raises(InvalidOutputError, match=r"link/x_0000\.png: this is an input"):
        model.predict_from_files(str(tmp_path), str(tmp_path / "link"), False, True, 0, 0)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.png")} == before
    assert not (tmp_path / "dataset.json").exists()


def test_two_cases_with_one_result_are_refused(model, rgb_images, tmp_path) -> None:
    cases = [[rgb_images / "a_0000.png"], [tmp_path / "other/a_0000.png"]]

    with pytest.raises(InvalidOutputError, match="the result of 2 cases"):
        model.predict_from_files_sequential(cases, tmp_path / "out")
    with pytest.raises(CallError, match="1 output names for 2 cases"):
        model.predict_from_files_sequential(cases, [tmp_path / "out/a"])
    assert not (tmp_path / "out").exists()


def test_a_listed_case_without_files_is_refused(model, rgb_images, tmp_path) -> None:
    with pytest.raises(DatasetError, match="case number 1 has no image file"):
        model.predict_from_files_sequential([[rgb_images / "a_0000.png"], []], [tmp_path / "a", tmp_path / "b"])


def test_every_missing_prediction_of_the_previous_stage_is_named_first(model, rgb_images, tmp_path) -> None:
    model.configuration_manager.configuration["previous_stage"] = "2d_lowres"
    (tmp_path / "stage").mkdir()

    with pytest.raises(DatasetError) as caught:
        model.predict_from_files(rgb_images, tmp_path / "out", folder_with_segs_from_prev_stage=tmp_path / "stage")
    assert [line.split(":")[0].rsplit("/", 1)[1] for line in caught.value.problems] == ["a.png", "b.png", "c.png"]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "image", [np.ones((3, 64, 64)), np.ones((64, 64, 3)), np.ones((64, 64)), np.ones((2, 1, 64, 64))]
)
def test_arrays_of_a_wrong_form_are_refused_with_the_expected_one(model: nnUNetPredictor, image: np.ndarray) -> None:
    properties = {"spacing": [999, 1, 1]}
    with pytest.raises(InvalidValueError if image.ndim < 4 else UnfitImageError):
        model.predict_single_npy_array(image, properties)
    for workers in (0, 1):
        with pytest.raises(CaseFailedError, match="case number 0: the image has"):
            model.predict_from_list_of_npy_arrays(image, None, properties, None, workers, False, 0)


@pytest.mark.parametrize("properties", [{}, {"spacing": [1, 1]}, {"spacing": None}])
def test_properties_without_three_spacings_are_refused(model: nnUNetPredictor, properties: dict) -> None:
    with pytest.raises(InvalidValueError, match="spacing"):
        model.predict_single_npy_array(np.ones((3, 1, 8, 8)), properties)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], None, {}, None), "got 2 images, 1 properties; expected as many"),
        ((1, [None, None], {}, None), "got 1 images, 2 previous stages, 1 properties"),
        (([1, 2], None, [{}, {}], "name"), "got 2 images, 2 properties, 1 output names"),
        ((1, None, None, None), "expected images and their properties"),
        ((None, None, {}, None), "expected images and their properties"),
    ],
)
def test_lists_that_do_not_belong_together_are_refused(
    model: nnUNetPredictor, arguments: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(CallError, match=message):
        model.get_data_iterator_from_raw_npy_data(*arguments)


def test_slices_along_another_axis_are_predicted_like_slices_along_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict_from_raw_data, "recursive_find_trainer_class_by_name", lambda name: Trainer)
    models = []
    for forward, backward in (([0, 1, 2], [0, 1, 2]), ([2, 0, 1], [1, 2, 0])):
        order = {"transpose_forward": forward, "transpose_backward": backward}
        plans = make_plans([16, 16], [1.0, 1.0], ".nii.gz", 1, **order)
        folder = write_model_folder(tmp_path / f"{forward[0]}", plans, make_dataset_json(".nii.gz", 1))
        models.append(nnUNetPredictor(device=CPU, allow_tqdm=False))
        models[-1].initialize_from_trained_model_folder(folder, (0,))
    image = np.random.default_rng(0).normal(size=(1, 1, 20, 24)).astype(np.float32)
    properties = {"spacing": [1, 1, 1]}

    expected = models[0].predict_single_npy_array(image, dict(properties))
    found = models[1].predict_single_npy_array(image.transpose(0, 2, 3, 1), dict(properties))

    assert expected.shape == (1, 20, 24)
    np.testing.assert_array_equal(found, expected.transpose(1, 2, 0))
    with pytest.raises(UnfitImageError, match="a single slice along axis 0"):
        models[1].predict_single_npy_array(image, dict(properties))


NAMES_OF_CLIENTS = [
    "recursive_find_python_class",
    "recursive_find_trainer_class_by_name",
    "tqdm",
    "export_prediction_from_logits",
    "convert_predicted_logits_to_segmentation_with_correct_shape",
    "multiprocessing",
    "check_workers_alive_and_busy",
    "MultiThreadedAugmenter",
    "PreprocessAdapterFromNpy",
    "compute_gaussian",
    "empty_cache",
    "recursive_fix_for_json_export",
    "maybe_mkdir_p",
    "save_json",
    "join",
    "isfile",
    "load_json",
    "sleep",
    "nnUNetPredictor",
    "predict_entry_point",
    "predict_entry_point_modelfolder",
]


@pytest.mark.parametrize("name", NAMES_OF_CLIENTS)
def test_the_names_that_clients_use_exist(name: str) -> None:
    assert callable(getattr(predict_from_raw_data, name)) or name == "multiprocessing"
    assert name in vars(predict_from_raw_data)
    assert name in dir(predict_from_raw_data)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = predict_from_raw_data.nothing


def test_the_module_survives_a_reload(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict_from_raw_data, "tqdm", None)
    assert importlib.reload(predict_from_raw_data).tqdm is not None
