import multiprocessing
import queue
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nnunetv2.errors import CaseFailedError
from nnunetv2.inference.array_handoff import HandedArray, hand_over, take
from nnunetv2.inference.data_iterators import (
    PreprocessAdapter,
    PreprocessAdapterFromNpy,
    preprocess_fromfiles_save_to_queue,
    preprocess_fromnpy_save_to_queue,
    preprocessing_iterator_fromfiles,
    preprocessing_iterator_fromnpy,
)
from nnunetv2.inference.prepared_cases import CaseToPrepare, PreparedCases
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from tests.factories.plans import make_dataset_json, make_plans

DATASET_JSON = make_dataset_json(".png", 3)
PLANS = PlansManager(make_plans([32, 32], [1.0, 1.0], ".png", 3))
MODEL = (PLANS, DATASET_JSON, PLANS.get_configuration("2d"))


@pytest.fixture
def files(rgb_images: Path) -> list[list[str]]:
    """The files of the cases a, b, c."""
    return [[str(rgb_images / f"{case}_0000.png")] for case in "abc"]


def read_all(files: list[list[str]]) -> tuple[list[np.ndarray], list[dict[str, Any]]]:
    pairs = [PLANS.image_reader_writer_class().read_images(entry) for entry in files]
    return [image for image, _ in pairs], [properties for _, properties in pairs]


def check(item: dict[str, Any]) -> None:
    assert set(item) == {"data", "data_properties", "ofile"}
    assert item["data"].dtype == torch.float32
    assert item["data"].shape == (3, 1, 40, 50)
    assert item["data"].is_contiguous()
    assert item["data_properties"]["shape_before_cropping"] == (1, 40, 50)


@pytest.mark.parametrize("workers", [0, 2])
def test_cases_come_in_order_with_their_output_names(files, workers: int) -> None:
    items = list(preprocessing_iterator_fromfiles(files, None, ["x", "y", "z"], *MODEL, workers, False, False))
    assert [item["ofile"] for item in items] == ["x", "y", "z"]
    for item in items:
        check(item)
    images, properties = read_all(files)
    others = list(preprocessing_iterator_fromnpy(images, [None] * 3, properties, None, *MODEL, workers))
    for item, other in zip(items, others, strict=True):
        assert torch.equal(item["data"], other["data"])
        assert other["ofile"] is None
    assert set(properties[0]) == {"spacing"}


def test_a_failing_case_is_raised_after_the_others(files) -> None:
    Path(files[0][0]).write_text("no image")
    iterator = preprocessing_iterator_fromfiles(files, None, None, *MODEL, 0)
    check(next(iterator))
    check(next(iterator))
    with pytest.raises(CaseFailedError, match=r"case a_0000\.png"):
        next(iterator)
    with pytest.raises(StopIteration):
        next(iterator)


def prepare_number(number: int) -> tuple[np.ndarray, dict[str, int]]:
    return np.full((1, 1, 2, 2), number), {"number": number}


@pytest.mark.parametrize("workers", [0, *(pytest.param(workers, marks=pytest.mark.long) for workers in (1, 5))])
def test_no_temporary_files_are_left(workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    cases = [CaseToPrepare(str(number), (number,), None) for number in range(7)]
    items = PreparedCases(prepare_number, cases, workers)
    assert [next(items)["data_properties"]["number"] for _ in range(3)] == [0, 1, 2]
    items.close()
    assert list(tmp_path.iterdir()) == []


def test_an_array_is_handed_over_once(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.float16).reshape(2, 3, 4)
    handed = hand_over(array, tmp_path)
    taken = take(handed)
    np.testing.assert_array_equal(taken, array)
    taken[0] = 5
    assert list(tmp_path.iterdir()) == []
    assert take("anything else") == "anything else"
    with pytest.raises(FileNotFoundError):
        take(handed)


def test_a_full_disk_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(stream, *_: object, **__: object) -> None:
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", fail)
    with pytest.raises(OSError, match="No space"):
        hand_over(np.zeros(3), tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert HandedArray("a") == HandedArray("a")


def test_adapters_return_one_item_at_a_time_and_then_stop(files) -> None:
    plans, dataset_json, configuration = MODEL
    preprocessor = configuration.preprocessor_class(verbose=False)
    loader = PreprocessAdapter(files, None, preprocessor, ["x", "y", "z"], plans, dataset_json, configuration)
    items = list(loader)
    assert [item["ofile"] for item in items] == ["x", "y", "z"]
    images, properties = read_all(files)
    from_arrays = PreprocessAdapterFromNpy(
        images, [None] * 3, properties, [None] * 3, plans, dataset_json, configuration
    )
    for item, other in zip(items, from_arrays, strict=True):
        check(item)
        assert torch.equal(item["data"], other["data"])
    assert "shape_before_cropping" in properties[2]


class PreviousStage:
    """Values of a segmentation of the previous stage: both labels, background and outside."""

    def __init__(self) -> None:
        self.labels = np.zeros((1, 1, 40, 50), np.float32)
        self.labels[..., :10, :] = 1
        self.labels[..., 10:20, :] = 2
        self.labels[..., 39, :] = -1


def test_the_previous_stage_follows_the_image_as_one_channel_per_label(files) -> None:
    images, properties = read_all(files[:1])
    previous = PreviousStage().labels
    (item,) = preprocessing_iterator_fromnpy(images, [previous], properties, None, *MODEL, 0)
    assert item["data"].shape == (5, 1, 40, 50)
    np.testing.assert_array_equal(item["data"][3], previous[0] == 1)
    np.testing.assert_array_equal(item["data"][4], previous[0] == 2)


def test_custom_workers_fill_a_queue(files) -> None:
    images, properties = read_all(files)
    for function, arguments in (
        (preprocess_fromfiles_save_to_queue, (files, [None] * 3, ["x", "y", "z"])),
        (preprocess_fromnpy_save_to_queue, (images, [None] * 3, properties, ["x", "y", "z"])),
    ):
        target: queue.Queue = queue.Queue()
        done, abort = multiprocessing.Event(), multiprocessing.Event()
        function(*arguments, *MODEL, target, done, abort, False)
        assert [target.get()["ofile"] for _ in range(3)] == ["x", "y", "z"]
        assert done.is_set()
        assert not abort.is_set()


def test_a_failing_custom_worker_sets_the_abort_event(files) -> None:
    Path(files[1][0]).write_text("no image")
    done, abort = multiprocessing.Event(), multiprocessing.Event()
    with pytest.raises(CaseFailedError, match="case y"):
        preprocess_fromfiles_save_to_queue(files, None, ["x", "y", "z"], *MODEL, queue.Queue(), done, abort)
    assert abort.is_set()
    assert not done.is_set()


def test_an_aborted_custom_worker_stops_even_if_the_queue_is_full(files) -> None:
    target: queue.Queue = queue.Queue(maxsize=1)
    done, abort = multiprocessing.Event(), multiprocessing.Event()
    arguments = (files, None, None, *MODEL, target, done, abort)
    worker = threading.Thread(target=preprocess_fromfiles_save_to_queue, args=arguments, daemon=True)
    worker.start()
    target.get(timeout=60)
    abort.set()
    worker.join(timeout=60)
    assert not worker.is_alive()
    assert not done.is_set()
