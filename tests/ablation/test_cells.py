"""Cells, their folders and result files."""

import json
from pathlib import Path

import pytest

from nnunetv2.ablation.budget import BUDGETS, find_budget
from nnunetv2.ablation.cells import Candidate, Cell, describe, read_result
from nnunetv2.ablation.protocols import Part, Protocol
from nnunetv2.ablation.scored_groups import SCORES
from nnunetv2.errors import InvalidValueError, SettingsError

CELL = Cell("Dataset001_X", "2d", Protocol.UNSEEN_DOMAIN, "lab A/B", Candidate("nnUNetTrainer"), 3)
BUDGET = BUDGETS["quick"]
PART = Part("lab A/B", train=("b",), validation=("c",), seen=("a",), unseen=())


@pytest.mark.parametrize(
    ("text", "candidate"),
    [
        ("nnUNetTrainer", Candidate("nnUNetTrainer")),
        ("nnUNetTrainer:MyPlans", Candidate("nnUNetTrainer", "MyPlans")),
        ("nnUNetTrainer@best", Candidate("nnUNetTrainer", checkpoint="best")),
        ("nnUNetTrainer:MyPlans@best", Candidate("nnUNetTrainer", "MyPlans", "best")),
    ],
)
def test_candidates_are_written_as_trainer_plans_and_checkpoint(text: str, candidate: Candidate) -> None:
    assert Candidate.parse(text) == candidate
    assert str(candidate) == text


@pytest.mark.parametrize("text", ["", "a b", "../x", "nnUNetTrainer@worst", "nnUNetTrainer:", "a:b:c"])
def test_other_forms_of_candidates_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="names no trainer"):
        Candidate.parse(text)


def test_the_folder_of_a_cell_lies_below_the_root_whatever_the_domain_is_called(tmp_path: Path) -> None:
    assert CELL.folder(tmp_path) == tmp_path / "unseen-domain/2d/nnUNetTrainer/lab_A_B__seed_3"


def write(root: Path, **changes: object) -> Path:
    file = CELL.folder(root) / "result.json"
    file.parent.mkdir(parents=True)
    scores = dict.fromkeys(SCORES, 0.5) | {"case": "a", "set": "seen", "calibration": [[1, 0.9, 1]] * 15}
    content = {
        "version": 1,
        "cell": describe(CELL),
        "budget": BUDGET.to_dict(),
        "versions": {"nnunetv2": "1"},
        "device": "cpu",
        "training_s": 1.5,
        "scores": [scores],
        **changes,
    }
    file.write_text(json.dumps(content))
    return file


def test_a_result_is_read_back(tmp_path: Path) -> None:
    assert read_result(CELL, tmp_path, BUDGET, PART) is None
    write(tmp_path)
    assert read_result(CELL, tmp_path, BUDGET, PART)["scores"][0]["dice"] == 0.5


@pytest.mark.parametrize(("features", "fits"), [([0.5, 1.5], True), ([], True), ("0.5", False), ([None], False)])
def test_features_of_cases_may_be_missing_and_are_numbers(tmp_path: Path, features: object, fits: bool) -> None:
    file = write(tmp_path)
    content = json.loads(file.read_text())
    content["scores"][0]["features"] = features
    file.write_text(json.dumps(content))
    if fits:
        assert read_result(CELL, tmp_path, BUDGET, PART)["scores"][0]["features"] == features
    else:
        with pytest.raises(InvalidValueError, match="features"):
            read_result(CELL, tmp_path, BUDGET, PART)


def test_the_distance_from_the_domains_may_be_missing_but_not_be_another_value(tmp_path: Path) -> None:
    file = write(tmp_path)
    content = json.loads(file.read_text())
    for value in (None, 1.5):
        content["scores"][0].update(domain_distance=value, domain_limit=value)
        file.write_text(json.dumps(content))
        assert read_result(CELL, tmp_path, BUDGET, PART)["scores"][0]["domain_distance"] == value
    content["scores"][0]["domain_limit"] = "far"
    file.write_text(json.dumps(content))
    with pytest.raises(InvalidValueError, match="domain_limit"):
        read_result(CELL, tmp_path, BUDGET, PART)


def test_a_result_of_another_budget_is_refused_with_its_path(tmp_path: Path) -> None:
    file = write(tmp_path, budget=BUDGETS["small"].to_dict())
    with pytest.raises(InvalidValueError, match="another budget") as refusal:
        read_result(CELL, tmp_path, BUDGET, PART)
    assert str(file) in str(refusal.value)


def test_a_result_of_another_cell_or_version_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, cell={**describe(CELL), "part": "lab A_B"})
    with pytest.raises(InvalidValueError, match="lab A_B"):
        read_result(CELL, tmp_path, BUDGET, PART)
    for content in ("[]", '{"version": 2}', "null"):
        file.write_text(content)
        with pytest.raises(InvalidValueError, match=r"result\.json"):
            read_result(CELL, tmp_path, BUDGET, PART)


@pytest.mark.parametrize(
    "part",
    [
        Part("lab A/B", ("b",), ("c",), seen=("a", "d"), unseen=()),
        Part("lab A/B", ("b",), ("c",), seen=("d",), unseen=()),
        Part("lab A/B", ("b",), ("c",), seen=(), unseen=("a",)),
    ],
    ids=["a new case", "other cases", "the case changed its domain"],
)
def test_a_result_of_other_test_cases_is_refused_with_its_path(tmp_path: Path, part: Part) -> None:
    file = write(tmp_path)
    with pytest.raises(InvalidValueError, match="measured on other test cases") as refusal:
        read_result(CELL, tmp_path, BUDGET, part)
    assert str(file) in str(refusal.value)


def test_a_result_with_a_case_twice_or_a_score_that_cannot_be_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path)
    content = json.loads(file.read_text())
    score = content["scores"][0]
    for changed in ([score, score], [{**score, "dice": 1.1}], [{**score, "calibration": [[1e300, 1, 1]] * 15}]):
        file.write_text(json.dumps({**content, "scores": changed}))
        with pytest.raises(InvalidValueError, match=r"result\.json"):
            read_result(CELL, tmp_path, BUDGET, PART)


def test_an_unknown_budget_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="unknown budget 'huge', expected one of small, quick"):
        find_budget("huge")
