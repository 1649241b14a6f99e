import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import zoom

from nnunetv2.foundation import large_zeros
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
from nnunetv2.inference import export_prediction, label_conversion
from nnunetv2.inference.export_prediction import (
    convert_predicted_logits_to_segmentation_with_correct_shape as convert,
)
from nnunetv2.inference.export_prediction import export_prediction_from_logits, resample_and_save
from nnunetv2.utilities.label_handling.label_handling import LabelManager
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from tests.differential.oracle import ROOT, run_ours
from tests.factories.plans import make_dataset_json, make_plans

REGIONS = {"background": 0, "whole": [1, 2], "core": 2}
SPACING = [1.0, 1.0, 1.0]


def make_managers(dataset_json: dict, transpose: tuple[int, ...] = (0, 1, 2), spacing: list[float] = SPACING):
    plans = make_plans([4, 4, 4], spacing, ".nii.gz", 1)
    plans["transpose_forward"] = list(transpose)
    plans["transpose_backward"] = np.argsort(transpose).tolist()
    manager = PlansManager(plans)
    return manager, manager.get_configuration("3d_fullres"), manager.get_label_manager(dataset_json)


def make_properties(shape: tuple[int, ...], box: list[list[int]], spacing: list[float] = SPACING) -> dict:
    return {
        "spacing": spacing,
        "shape_before_cropping": shape,
        "bbox_used_for_cropping": box,
        "shape_after_cropping_and_before_resampling": tuple(end - first for first, end in box),
        "sitk_stuff": {"spacing": spacing[::-1], "origin": (1.0, 2.0, 3.0), "direction": tuple(np.eye(3).ravel())},
    }


def random_logits(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).normal(scale=3, size=shape).astype(np.float16)


BOX = [[1, 4], [0, 5], [2, 6]]
SHAPE = (5, 6, 7)


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_labels_are_the_first_largest_channel_inside_the_crop_and_0_outside(kind) -> None:
    logits = random_logits(3, 3, 5, 4).round()  # many ties
    segmentation = convert(kind(logits), *make_managers(make_dataset_json(".nii.gz", 1)), make_properties(SHAPE, BOX))
    expected = np.zeros(SHAPE, np.uint8)
    expected[1:4, 0:5, 2:6] = logits.argmax(0)
    assert segmentation.dtype == np.uint8
    np.testing.assert_array_equal(segmentation, expected)


def test_regions_are_written_in_their_order_where_the_sigmoid_exceeds_one_half() -> None:
    dataset_json = make_dataset_json(".nii.gz", 1, REGIONS, regions_class_order=[1, 2])
    logits = random_logits(2, 3, 5, 4)
    logits[:, 0] = 0  # exactly one half: not written
    segmentation = convert(logits, *make_managers(dataset_json), make_properties(SHAPE, BOX))
    expected = np.zeros(SHAPE, np.uint8)
    inside = np.where(logits[0] > 0, 1, 0)
    inside[logits[1] > 0] = 2
    expected[1:4, 0:5, 2:6] = inside
    np.testing.assert_array_equal(segmentation, expected)


@pytest.mark.parametrize(("labels", "outside"), [(None, 1), (REGIONS, 0)])
def test_probabilities_are_background_outside_the_crop(labels: dict | None, outside: float) -> None:
    dataset_json = make_dataset_json(".nii.gz", 1, labels, regions_class_order=[1, 2])
    channels = 3 if labels is None else 2
    logits = random_logits(channels, 3, 5, 4)
    managers = make_managers(dataset_json)
    segmentation, probabilities = convert(logits, *managers, make_properties(SHAPE, BOX), return_probabilities=True)
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (channels, *SHAPE)
    tensor = torch.from_numpy(logits).float()
    expected = tensor.softmax(0) if labels is None else tensor.sigmoid()
    np.testing.assert_allclose(probabilities[:, 1:4, 0:5, 2:6], expected.numpy(), rtol=1e-6)
    assert probabilities[0, 0].min() == outside
    assert probabilities[1:, 0].max() == 0
    np.testing.assert_array_equal(segmentation, convert(logits, *managers, make_properties(SHAPE, BOX)))


def test_the_axes_go_back_to_the_order_of_the_image() -> None:
    logits = random_logits(3, 3, 5, 4)
    properties = make_properties(SHAPE, BOX)
    plain, plain_probabilities = convert(
        logits, *make_managers(make_dataset_json(".nii.gz", 1)), properties, return_probabilities=True
    )
    moved, moved_probabilities = convert(
        logits, *make_managers(make_dataset_json(".nii.gz", 1), (2, 0, 1)), properties, return_probabilities=True
    )
    np.testing.assert_array_equal(moved, plain.transpose(1, 2, 0))
    np.testing.assert_array_equal(moved_probabilities, plain_probabilities.transpose(0, 2, 3, 1))


def test_logits_are_resampled_linearly_and_kept_in_half_precision() -> None:
    logits = random_logits(3, 3, 5, 4)
    properties = make_properties((6, 10, 8), [[0, 6], [0, 10], [0, 8]], [0.5, 0.5, 0.5])
    segmentation = convert(logits, *make_managers(make_dataset_json(".nii.gz", 1)), properties)
    enlarged = [zoom(c.astype(float), 2, order=1, mode="nearest", grid_mode=True) for c in logits]
    np.testing.assert_array_equal(segmentation, np.stack(enlarged).astype(np.float16).argmax(0))


MANY = {"background": 0, **{f"class{value}": value for value in range(1, 12)}}


@pytest.mark.parametrize("labels", [MANY, REGIONS], ids=["classes", "regions"])
@pytest.mark.parametrize("spacing", [[0.5, 0.7, 0.5], [0.4, 0.5, 4.0], [4.0, 0.5, 0.5]])
@pytest.mark.parametrize("with_probabilities", [False, True])
def test_logits_that_are_resampled_in_parts_give_what_they_give_at_once(
    labels: dict, spacing: list[float], with_probabilities: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_json = make_dataset_json(".nii.gz", 1, labels, regions_class_order=[1, 2])
    logits = random_logits(12 if labels is MANY else 2, 6, 7, 9).round()  # many ties
    properties = make_properties((16, 20, 14), [[0, 15], [2, 19], [1, 13]], spacing)
    arguments = (logits, *make_managers(dataset_json, (1, 2, 0)), properties, with_probabilities)
    expected = convert_at_once(monkeypatch, arguments)
    monkeypatch.setattr(label_conversion, "_RESAMPLED_PER_SLAB", 2000)
    np.testing.assert_equal(convert(*arguments), expected)


def convert_at_once(monkeypatch: pytest.MonkeyPatch, arguments: tuple) -> Any:
    with monkeypatch.context() as changed:
        changed.setattr(export_prediction, "partwise_resampled", lambda *_: None)
        changed.setattr(export_prediction, "goes_class_by_class", lambda *_: False)
        return convert(*arguments)


@pytest.mark.parametrize("shape", [(6, 16, 16), (1, 60, 60)], ids=["volume", "picture"])
def test_labels_of_many_classes_take_no_memory_for_all_resampled_classes(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_conversion, "_RESAMPLED_PER_SLAB", 2**16)
    labels = {"background": 0, **{f"class{value}": value for value in range(1, 30)}}
    logits = random_logits(30, *shape)
    large = tuple(3 * length if length > 1 else 1 for length in shape)
    spacing = [1 / 3 if length > 1 else 999.0 for length in shape]
    plans, configuration, manager = make_managers(make_dataset_json(".nii.gz", 1, labels), spacing=[1.0] * 3)
    arguments = (plans, configuration, manager, make_properties(large, [[0, length] for length in large], spacing))
    convert(logits[..., :4, :4], *arguments)  # SciPy is loaded
    tracemalloc.start()
    segmentation = convert(logits, *arguments)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(np.unique(segmentation)) == 30
    assert peak < np.prod(large) * (30 * logits.itemsize) / 4


def test_labels_with_gaps_are_written_as_labels_not_as_channel_numbers() -> None:
    labels = {"background": 0, "a": 2, "b": 7}
    logits = random_logits(3, 3, 5, 4)
    segmentation, _ = label_conversion.labels_and_probabilities(
        logits, LabelManager(labels, None), (3, 5, 4), [(0, 3), (0, 5), (0, 4)], False
    )
    np.testing.assert_array_equal(segmentation, np.array([0, 2, 7])[logits.argmax(0)])


def test_label_values_beyond_255_need_two_bytes() -> None:
    assert label_conversion.label_dtype(LabelManager({"background": 0, "a": 1}, None)) == np.uint8
    many = {"background": 0, **{str(i): i for i in range(1, 256)}}
    assert label_conversion.label_dtype(LabelManager(many, None)) == np.uint16
    assert label_conversion.label_dtype(LabelManager(REGIONS, [1, 300])) == np.uint16


@pytest.mark.parametrize("labels", [None, REGIONS])
def test_working_in_slabs_changes_nothing(labels: dict | None, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset_json = make_dataset_json(".nii.gz", 1, labels, regions_class_order=[1, 2])
    arguments = (random_logits(3 if labels is None else 2, 3, 5, 4), *make_managers(dataset_json))
    whole = convert(*arguments, make_properties(SHAPE, BOX), return_probabilities=True)
    monkeypatch.setattr(label_conversion, "VOXELS_PER_SLAB", 25)
    slabs = convert(*arguments, make_properties(SHAPE, BOX), return_probabilities=True)
    np.testing.assert_array_equal(whole[0], slabs[0])
    np.testing.assert_allclose(whole[1], slabs[1], rtol=1e-6)


class SmoothedLabels(LabelManager):
    """A client's label manager, which looks at the whole image."""

    def convert_logits_to_segmentation(self, predicted_logits):
        return np.full(predicted_logits.shape[1:], predicted_logits.shape[2])


def test_a_label_manager_of_a_client_gets_the_whole_image_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_conversion, "VOXELS_PER_SLAB", 1)
    manager = SmoothedLabels({"background": 0, "a": 1, "b": 2}, None)
    segmentation, _ = label_conversion.labels_and_probabilities(
        random_logits(3, 3, 5, 4), manager, (3, 5, 4), [(0, 3), (0, 5), (0, 4)], False
    )
    assert np.all(segmentation == 5)


def export(tmp_path: Path, logits: object, save_probabilities: bool = False) -> dict:
    plans, configuration, _ = make_managers(make_dataset_json(".nii.gz", 1))
    properties = make_properties(SHAPE, BOX)
    arguments = (configuration, plans, make_dataset_json(".nii.gz", 1), str(tmp_path / "case"), save_probabilities)
    export_prediction_from_logits(logits, properties, *arguments)
    return properties


def test_the_segmentation_is_written_with_the_image_geometry(tmp_path: Path) -> None:
    export(tmp_path, random_logits(3, 3, 5, 4))
    assert [path.name for path in tmp_path.iterdir()] == ["case.nii.gz"]
    written, properties = SimpleITKIO().read_seg(str(tmp_path / "case.nii.gz"))
    assert written.shape == (1, *SHAPE)
    assert properties["sitk_stuff"]["origin"] == (1.0, 2.0, 3.0)


def test_probabilities_and_properties_are_written_next_to_it(tmp_path: Path) -> None:
    properties = export(tmp_path, random_logits(3, 3, 5, 4), save_probabilities=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["case.nii.gz", "case.npz", "case.pkl"]
    with np.load(tmp_path / "case.npz") as arrays:
        assert arrays.files == ["probabilities"]
        assert arrays["probabilities"].shape == (3, *SHAPE)
        assert arrays["probabilities"].dtype == np.float32
    assert pickle.loads((tmp_path / "case.pkl").read_bytes()) == properties


@pytest.mark.parametrize("replaced", ["resample_data_or_seg", "resize"])
def test_a_resampling_function_replaced_before_the_import_is_used(replaced: str) -> None:
    printed = run_ours(
        """
        import sys
        import numpy as np
        from nnunetv2.preprocessing.resampling import default_resampling

        stock = getattr(default_resampling, sys.argv[1])

        def negated(*arguments, **more):
            return -stock(*arguments, **more)

        setattr(default_resampling, sys.argv[1], negated)
        from tests.inference.test_export_prediction import convert, make_dataset_json, make_managers, make_properties

        logits = np.stack([np.full((2, 2, 2), value, np.float16) for value in (3, 2, 1)])
        properties = make_properties((4, 4, 4), [[0, 4], [0, 4], [0, 4]], [0.5, 0.5, 0.5])
        print(*np.unique(convert(logits, *make_managers(make_dataset_json(".nii.gz", 1)), properties)))
        """,
        replaced,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert printed.split() == ["2"]


@pytest.mark.parametrize("kind", [torch.Tensor.bfloat16, torch.Tensor.requires_grad_])
def test_a_clients_resampling_gets_tensors_of_any_type(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plans, configuration, labels = make_managers(make_dataset_json(".nii.gz", 1))
    received = []

    def of_a_client(logits: torch.Tensor, shape: Any, *_: Any) -> torch.Tensor:
        received.append(logits)
        return torch.nn.functional.interpolate(logits.detach().float()[None], tuple(shape))[0]

    monkeypatch.setattr(type(configuration), "resampling_fn_probabilities", property(lambda _: of_a_client))
    logits = kind(torch.from_numpy(random_logits(3, 3, 5, 4)).float())
    properties = make_properties((6, 10, 8), [[0, 6], [0, 10], [0, 8]], [0.5, 0.5, 0.5])
    segmentation = convert(logits, plans, configuration, labels, properties)
    assert received[0] is logits
    np.testing.assert_array_equal(segmentation[::2, ::2, ::2], logits.detach().float().argmax(0))


@pytest.fixture
def all_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_zeros, "LARGEST_IN_MEMORY", 0)


def case_with_transposed_axes(folder: Path, logits: np.ndarray, returns: bool = True) -> tuple | None:
    """Write a case with its probabilities; return what is written if that is wanted."""
    dataset_json = make_dataset_json(".nii.gz", 1, MANY)
    plans, configuration, labels = make_managers(dataset_json, (1, 2, 0))
    properties = make_properties((34, 40, 30), [[0, 30], [2, 38], [1, 29]], [0.5, 0.7, 0.5])
    export_prediction_from_logits(logits, properties, configuration, plans, dataset_json, str(folder / "case"), True)
    return convert(logits, plans, configuration, labels, properties, True) if returns else None


@pytest.mark.usefixtures("all_is_large")
def test_large_probabilities_that_wait_in_a_file_are_those_in_memory(tmp_path: Path) -> None:
    segmentation, probabilities = case_with_transposed_axes(tmp_path, random_logits(12, 6, 7, 9))
    with np.load(tmp_path / "case.npz") as arrays:
        np.testing.assert_array_equal(arrays["probabilities"], probabilities)
    np.testing.assert_array_equal(SimpleITKIO().read_seg(str(tmp_path / "case.nii.gz"))[0][0], segmentation)


def test_large_probabilities_take_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_conversion, "VOXELS_PER_SLAB", 4000)
    logits = random_logits(12, 10, 12, 9)
    case_with_transposed_axes(tmp_path, logits, returns=False)  # SciPy is loaded
    peaks = []
    for limit in (2**28, 0):
        monkeypatch.setattr(large_zeros, "LARGEST_IN_MEMORY", limit)
        tracemalloc.start()
        case_with_transposed_axes(tmp_path, logits, returns=False)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    with np.load(tmp_path / "case.npz") as arrays:
        assert peaks[0] - peaks[1] > 0.9 * arrays["probabilities"].nbytes


@pytest.mark.usefixtures("all_is_large")
def test_a_replaced_conversion_makes_the_probabilities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def of_a_client(*arguments: object, **more: object) -> Any:
        calls.append(more["return_probabilities"])
        return convert(*arguments, **more)

    monkeypatch.setattr(export_prediction, "convert_predicted_logits_to_segmentation_with_correct_shape", of_a_client)
    export(tmp_path, random_logits(3, 3, 5, 4), save_probabilities=True)
    assert calls == [True]


def test_logits_may_come_from_a_file(tmp_path: Path) -> None:
    logits = random_logits(3, 3, 5, 4)
    np.save(tmp_path / "logits.npy", logits)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    export(tmp_path / "a", str(tmp_path / "logits.npy"))
    export(tmp_path / "b", logits)
    read = [SimpleITKIO().read_seg(str(tmp_path / name / "case.nii.gz"))[0] for name in "ab"]
    np.testing.assert_array_equal(*read)


def test_a_failing_writer_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self, seg, output_fname, properties) -> None:
        Path(output_fname).write_bytes(b"half a file")
        raise OSError(28, "No space left on device", output_fname)

    monkeypatch.setattr(SimpleITKIO, "write_seg", fail)
    with pytest.raises(OSError, match="No space left"):
        export(tmp_path, random_logits(3, 3, 5, 4), save_probabilities=True)
    assert list(tmp_path.iterdir()) == []


def test_the_next_stage_gets_a_segmentation_of_its_own_shape(tmp_path: Path) -> None:
    logits = random_logits(3, 3, 5, 4)
    plans, configuration, _ = make_managers(make_dataset_json(".nii.gz", 1))
    properties = make_properties((3, 5, 4), [[0, 3], [0, 5], [0, 4]])
    saved = {}

    class Storage:
        @staticmethod
        def save_seg(segmentation: np.ndarray, name: str) -> None:
            saved[name] = segmentation

    target = str(tmp_path / "case")
    resample_and_save(
        logits, (6, 10, 8), target, plans, configuration, properties, make_dataset_json(".nii.gz", 1),
        dataset_class=Storage,
    )  # fmt: skip
    enlarged = [zoom(c.astype(float), 2, order=1, mode="nearest", grid_mode=True) for c in logits]
    np.testing.assert_array_equal(saved[target], np.stack(enlarged).astype(np.float16).argmax(0))
    assert saved[target].dtype == np.uint8
