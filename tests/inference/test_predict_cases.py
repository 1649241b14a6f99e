"""The loop over cases, with a prediction and an export that only say what they were given."""

import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from batchgenerators.dataloading.multi_threaded_augmenter import MultiThreadedAugmenter

from nnunetv2.errors import CaseFailedError, CasesFailedError
from nnunetv2.inference.predict_cases import CaseExport, RunningCase, predict_cases
from nnunetv2.inference.prepared_cases import Item, WatchedItems
from nnunetv2.inference.tile_accumulation import InvalidLogitsError
from nnunetv2.preprocessing.stored_plane import StoredPlane
from nnunetv2.utilities.plans_handling.model_description import ModelDescription

MODEL = ModelDescription("plans", "configuration", "labels", {"content": 1})  # type: ignore[arg-type]


def items(*names: str | None) -> list[Item]:
    return [{"data": torch.ones(1), "data_properties": {}, "ofile": name} for name in names]


def export(**changes: Any) -> CaseExport:
    settings: dict[str, Any] = {
        "model": MODEL,
        "convert": lambda logits, *arguments: ("converted", *arguments),
        "write": lambda logits, *arguments: ("written", *arguments),
        "save_probabilities": True,
    }
    return CaseExport(**{**settings, **changes})


def predict(data: torch.Tensor, case: RunningCase) -> torch.Tensor:
    return data


def test_a_case_with_a_name_is_written_and_one_without_is_converted() -> None:
    results = predict_cases(items("out/a", None), predict, export(), 0)
    assert results == [
        ("written", {}, "configuration", "plans", {"content": 1}, "out/a", True),
        ("converted", "plans", "configuration", "labels", {}, True),
    ]


def test_cases_are_named_after_their_output_or_counted() -> None:
    names: list[str | None] = []
    predict_cases(items("out/a", None), lambda data, case: (names.append(case.name), data)[1], export(), 0)
    assert names == ["a", "number 1"]


def test_an_image_is_forgotten_before_its_export_and_its_logits_before_the_next_image() -> None:
    tensors: list[weakref.ref[torch.Tensor]] = []
    alive: list[int] = []

    def noted(tensor: torch.Tensor) -> torch.Tensor:
        tensors.append(weakref.ref(tensor))
        return tensor

    def note() -> None:
        alive.append(sum(tensor() is not None for tensor in tensors))

    def prepared() -> Iterator[Item]:
        for name in "ab":
            note()
            yield {"data": noted(torch.ones(1)), "data_properties": {}, "ofile": name}

    predict_cases(prepared(), lambda data, case: noted(data * 2), export(write=lambda *_: note()), 0)
    assert alive == [0, 1, 0, 1]


def test_invalid_logits_and_failed_exports_are_raised_together_after_the_last_case() -> None:
    def failing(data: torch.Tensor, case: RunningCase) -> torch.Tensor:
        if case.name == "b":
            raise InvalidLogitsError("the network predicted NaN")
        return data

    def write(logits: np.ndarray, *arguments: Any) -> None:
        if arguments[-2] == "c":
            raise ValueError("the export failed")

    with pytest.raises(CasesFailedError, match=r"(?s)case b: the network predicted NaN.*case c: .*the export failed"):
        predict_cases(items("a", "b", "c", "d"), failing, export(write=write), 0)
    with pytest.raises(CaseFailedError, match="case b"):
        predict_cases(items("a", "b"), failing, export(), 0)


def test_the_probabilities_of_an_invalid_case_are_removed_at_once() -> None:
    def failing(data: Any, case: RunningCase) -> Any:
        assert case.probabilities is not None
        assert files == []
        case.probabilities.file.touch()
        files.append(case.probabilities.file)
        raise InvalidLogitsError("the network predicted NaN")

    def then() -> Iterator[Item]:
        yield {"data": plane, "data_properties": {}, "ofile": "a"}
        assert not files.pop().exists()

    files: list[Path] = []
    plane = StoredPlane((np.zeros((1, 1, 2, 3), np.uint8),), [[0, 1], [0, 2], [0, 3]], (lambda values: values,))
    labels = SimpleNamespace(num_segmentation_heads=2)
    model = replace(MODEL, labels=labels)
    with pytest.raises(CaseFailedError, match="case a"):
        predict_cases(then(), failing, export(model=model), 0)
    assert files == []


class Watched(WatchedItems):
    """Notes when it is watched and closed."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._items = iter(items("a", "b"))

    def __next__(self) -> Item:
        return next(self._items)

    def poll(self) -> None:
        self.asked.append("poll")

    def close(self) -> None:
        self.asked.append("close")


def test_work_in_the_background_is_watched_through_the_running_case_and_ended() -> None:
    watched = Watched()
    predict_cases(watched, lambda data, case: (case.poll(), data)[1], export(), 0)
    assert watched.asked == ["poll", "poll", "close"]


def test_work_in_the_background_is_ended_if_a_prediction_fails() -> None:
    def failing(data: torch.Tensor, case: RunningCase) -> torch.Tensor:
        raise InterruptedError("stopped by the user")

    watched = Watched()
    with pytest.raises(InterruptedError):
        predict_cases(watched, failing, export(), 0)
    assert "close" in watched.asked


def test_an_augmenter_of_batchgenerators_is_ended() -> None:
    class Augmenter(MultiThreadedAugmenter):  # type: ignore[misc]
        def __init__(self) -> None:
            self.finished, self.entries = False, iter(items("a"))

        def __next__(self) -> Item:
            return next(self.entries)

        def __del__(self) -> None:
            return

        def _finish(self, timeout: int = 10) -> None:
            self.finished = True

    augmenter = Augmenter()
    assert len(predict_cases(augmenter, predict, export(), 0)) == 1
    assert augmenter.finished
