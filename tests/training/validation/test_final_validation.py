from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from nnunetv2.errors import CaseFailedError, CasesFailedError
from nnunetv2.training.ranks import Ranks
from nnunetv2.training.validation.final_validation import ValidationPlan, predict_validation_cases, report_metrics
from nnunetv2.utilities.plans_handling.model_description import ModelDescription


class Cases:
    def __init__(self, shape: tuple[int, ...] = (1, 4, 4), previous: np.ndarray | None = None):
        self.shape, self.previous = shape, previous

    def load_case(self, case: str) -> tuple[np.ndarray, None, np.ndarray | None, dict[str, Any]]:
        return np.ones((2, *self.shape), dtype=np.float32), None, self.previous, {"case": case}


def make_plan(folder: Path, dataset: Cases, **changes: Any) -> ValidationPlan:
    nothing: Any = None
    labels: Any = SimpleNamespace(foreground_labels=[1, 2], num_segmentation_heads=3)
    settings = {
        "model": ModelDescription(nothing, nothing, labels, {}),
        "dataset": dataset,
        "output_folder": folder / "validation",
        "next_stages": (),
        "save_probabilities": False,
        "num_processes": 4,
        **changes,
    }
    return ValidationPlan(**settings)


def test_a_cascade_sees_the_previous_labels_as_channels_after_the_image(tmp_path: Path) -> None:
    previous = np.array([[[-1, 0, 1, 2]] * 4], dtype=np.int16)

    data, properties = make_plan(tmp_path, Cases(previous=previous)).load("a")

    assert data.shape == (4, 1, 4, 4)
    assert data.dtype == torch.float32
    assert data[2, 0, 0].tolist() == [0, 0, 1, 0]
    assert data[3, 0, 0].tolist() == [0, 0, 0, 1]
    assert properties == {"case": "a"}


def test_little_work_is_exported_in_this_process(tmp_path: Path) -> None:
    small, large = make_plan(tmp_path, Cases()), make_plan(tmp_path, Cases((1, 10_000, 10_000)))

    assert small.workers_for(["a"] * 10) == 0
    assert large.workers_for(["a", "b"]) == 2
    assert large.workers_for(["a"] * 10) == 4
    assert large.workers_for([]) == 0


def test_each_rank_predicts_its_share(tmp_path: Path) -> None:
    exported: list[str] = []
    plan = make_plan(tmp_path, Cases(), export=lambda *a: exported.append(a[5]))
    ranks = Ranks(False, 1, 3)

    predict_validation_cases(plan, list("abcdefg"), lambda data: data, ranks, lambda _: None)

    assert [Path(target).name for target in exported] == ["b", "e"]


@pytest.mark.parametrize(("cases", "world_size"), [(41, 2), (61, 3), (81, 2), (7, 2)])
def test_all_ranks_wait_for_each_other_equally_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cases: int, world_size: int
) -> None:
    waiting: list[int] = []
    monkeypatch.setattr(Ranks, "wait_for_all", lambda ranks: waiting.append(ranks.rank))
    plan, names = make_plan(tmp_path, Cases(), export=lambda *_: None), [str(number) for number in range(cases)]

    for rank in range(world_size):
        predict_validation_cases(plan, names, lambda data: data, Ranks(False, rank, world_size), lambda _: None)

    assert {waiting.count(rank) for rank in range(world_size)} == {(cases // world_size - 1) // 20}


def test_a_failing_export_names_its_case(tmp_path: Path) -> None:
    def fail(*_: Any) -> None:
        raise OSError("disk full")

    plan = make_plan(tmp_path, Cases(), export=fail)

    with pytest.raises(CaseFailedError, match="case a: disk full"):
        predict_validation_cases(plan, ["a"], lambda data: data, Ranks(False, 0, 1), lambda _: None)
    with pytest.raises(CasesFailedError, match=r"(?s)case a: disk full.*case b: disk full"):
        predict_validation_cases(plan, ["a", "b"], lambda data: data, Ranks(False, 0, 1), lambda _: None)


def test_metrics_go_to_the_log_and_to_external_loggers() -> None:
    summary: dict[str, float] = {}
    lines: list[str] = []
    metrics = {"mean": {1: {"Dice": 0.5}, (1, 2): {"Dice": 0.25}}, "foreground_mean": {"Dice": 0.375}}

    report_metrics(metrics, SimpleNamespace(log_summary=summary.__setitem__), lines.append)

    assert summary == {
        "final_val/class_1_dice": 0.5,
        "final_val/class_(1, 2)_dice": 0.25,
        "final_val/foreground_dice": 0.375,
    }
    assert lines == ["Validation complete", "Mean Validation Dice:  0.375"]
