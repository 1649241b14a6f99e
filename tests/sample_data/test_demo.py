"""What `make demo` and `make demo-quick` run, and what they accept as a result."""

from pathlib import Path

import numpy as np
import pytest
import torch

from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
from sample_data import demo
from sample_data.dataset import DatasetSettings, draw_case, plan_cases
from sample_data.demo import FULL, QUICK, DemoSize, check_scores, main, work
from sample_data.layout import STROMA, TUMOR
from tests.factories.plans import make_dataset_json, make_plans


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Record commands instead of running them."""
    lines: list[str] = []
    monkeypatch.setattr(demo, "WORK", tmp_path / "demo")
    monkeypatch.setattr(demo, "run", lambda *words: lines.append(" ".join(map(str, words))))
    monkeypatch.setattr(demo, "add_demo_configuration", lambda _: lines.append("smaller network"))
    monkeypatch.setattr(demo, "scores_by_domain", lambda _: {"a": 0.9, "b": 0.85})
    return lines


@pytest.mark.parametrize("size", [FULL, QUICK], ids=["full", "quick"])
def test_both_forms_do_the_whole_job(size: DemoSize, commands: list[str]) -> None:
    work(size)
    steps = [line.split()[0] if not line.startswith("python") else line.split()[2] for line in commands]
    assert steps == [
        "sample_data",
        *("-d", "nnUNetv2_plan_and_preprocess", "smaller", "nnUNetv2_train", "nnUNetv2_predict"),
        *("nnUNetv2_evaluate_folder", "drift", "drift"),
    ]
    assert "PRISMDD.py" in commands[1]
    assert f"-tr {size.trainer}" in commands[4]


def training_steps(size: DemoSize) -> int:
    trainer = recursive_find_trainer_class_by_name(size.trainer)(
        make_plans([32, 32], [1.0, 1.0], ".png", 3), "2d", 0, make_dataset_json(".png", 3), device=torch.device("cpu")
    )
    return int(trainer.num_epochs * trainer.num_iterations_per_epoch)


@pytest.mark.usefixtures("nnunet_folders")
def test_the_quick_form_trains_half_of_the_steps_on_half_of_the_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("nnUNet_extTrainer", demo.environment()["nnUNet_extTrainer"])
    assert training_steps(QUICK) * 2 == training_steps(FULL)
    assert QUICK.cases_per_domain * 2 == FULL.cases_per_domain


def test_the_quick_form_says_that_its_scores_are_no_measure(
    commands: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--quick"])
    assert "not how good the method is" in capsys.readouterr().out
    main([])
    out = capsys.readouterr().out
    assert "not how good" not in out
    assert "Finished after 0.0 minutes" in out


@pytest.mark.parametrize("scores", [{}, {"a": 0.9, "b": 0.59}, {"a": None}])
def test_a_domain_with_too_low_a_score_or_none_fails_the_demo(scores: dict[str, float | None]) -> None:
    with pytest.raises(SystemExit, match=r"below 0\.6"):
        check_scores(scores, QUICK.least_dice)


def test_scores_in_every_domain_pass() -> None:
    check_scores({"a": 0.6, "b": 0.9}, QUICK.least_dice)


def test_no_single_colour_reaches_the_quick_limit() -> None:
    settings = DatasetSettings(QUICK.cases_per_domain, QUICK.held_out_per_domain)
    scores: dict[tuple[str, int], list[float]] = {}
    for case in (case for case in plan_cases(settings) if case.is_held_out):
        labels = draw_case(case, settings)[1]
        for guess in (TUMOR, STROMA):
            share = float(np.mean(labels == guess))
            dice = 2 * share / (1 + share)
            scores.setdefault((case.domain.name, guess), []).append(dice / 2)  # the other class has 0
    assert max(np.mean(values) for values in scores.values()) < QUICK.least_dice - 0.05
