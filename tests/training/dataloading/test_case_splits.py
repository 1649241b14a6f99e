import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from nnunetv2.errors import DatasetError, DomainMapError, InvalidValueError
from nnunetv2.training.dataloading.case_splits import FoldCases, Splits, fold_of, split_into_fold
from nnunetv2.training.domain_balance.domain_sampling import StockSampling

CASES = [f"case_{number:02d}" for number in range(10)]


def split(
    folder: Path, fold: int | str, cases: Sequence[str] = CASES, sampling: StockSampling | None = None
) -> tuple[FoldCases, list[str]]:
    lines: list[str] = []
    sampling = sampling or StockSampling()
    file = str(folder / "splits_final.json")
    return split_into_fold(cases, fold, file, sampling.make_splits, sampling.check_splits, lines.append), lines


def numbers(cases: Sequence[str]) -> list[int]:
    return [int(case.removeprefix("case_")) for case in cases]


def write_splits(folder: Path, splits: Splits) -> None:
    (folder / "splits_final.json").write_text(json.dumps(splits))


@pytest.mark.parametrize(("fold", "val"), list(enumerate([[0, 7], [3, 9], [4, 6], [1, 8], [2, 5]])))
def test_ten_cases_are_split_as_nnunet_splits_them(tmp_path: Path, fold: int, val: list[int]) -> None:
    cases, _ = split(tmp_path, fold)

    assert numbers(cases.val) == val
    assert sorted([*cases.train, *cases.val]) == CASES


@pytest.mark.parametrize(("fold", "val"), [(5, [1, 2]), (7, [3, 5])])
def test_a_fold_beyond_the_file_is_a_random_split(tmp_path: Path, fold: int, val: list[int]) -> None:
    cases, lines = split(tmp_path, fold)

    assert numbers(cases.val) == val
    assert len(cases.train) == 8
    assert any("random 80:20 split" in line for line in lines)
    assert len(json.loads((tmp_path / "splits_final.json").read_text())) == 5


def test_all_uses_every_case_twice_and_writes_nothing(tmp_path: Path) -> None:
    cases, _ = split(tmp_path, "all")

    assert cases == FoldCases(CASES, CASES)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_used_and_not_changed(tmp_path: Path) -> None:
    write_splits(tmp_path, [{"train": CASES[:3], "val": CASES[3:4]}])
    before = (tmp_path / "splits_final.json").read_bytes()

    cases, lines = split(tmp_path, 0)

    assert cases == FoldCases(CASES[:3], CASES[3:4])
    assert (tmp_path / "splits_final.json").read_bytes() == before
    assert any("6 preprocessed cases are in no split" in line for line in lines)


@pytest.mark.parametrize(("given", "fold"), [("all", "all"), ("07", 7), (3, 3), (np.int64(2), 2)])
def test_a_fold_is_a_number_or_all(given: int | str, fold: int | str) -> None:
    assert fold_of(given) == fold


@pytest.mark.parametrize("fold", [-1, "-1", "two", "", True, 1.5])
def test_folds_that_cannot_exist_are_refused(tmp_path: Path, fold: int | str) -> None:
    with pytest.raises(InvalidValueError, match="expected a number from 0 on, or 'all'"):
        split(tmp_path, fold)


def test_cases_that_were_not_preprocessed_are_named_together(tmp_path: Path) -> None:
    write_splits(tmp_path, [{"train": [*CASES, "gone_1"], "val": ["gone_2"]}])

    with pytest.raises(DatasetError, match="fold 0 names 2 cases") as caught:
        split(tmp_path, 0)
    assert caught.value.problems == ("gone_1", "gone_2")


def test_overlap_of_training_and_validation_is_reported(tmp_path: Path) -> None:
    write_splits(tmp_path, [{"train": CASES, "val": CASES[:1]}])

    assert any("1 cases are in training and in validation: case_00" in line for line in split(tmp_path, 0)[1])


def test_a_fold_without_validation_cases_is_refused_and_other_folds_can_be_trained(tmp_path: Path) -> None:
    write_splits(tmp_path, [{"train": CASES[1:], "val": []}, {"train": CASES[1:], "val": CASES[:1]}])

    with pytest.raises(InvalidValueError, match=r"splits_final\.json: \[0\]\.val is \[\], expected one case"):
        split(tmp_path, 0)
    assert split(tmp_path, 1)[0].val == CASES[:1]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{}", "is an object with no keys, expected a list"),
        ('[{"train": []}]', r"\[0\] lacks the key 'val'"),
        ('[{"train": "a", "val": []}]', r"\[0\]\.train is 'a', expected a list of case names"),
        ('[{"train": ["a"], "val": [1]}]', r"\[0\]\.val\[0\] is 1, expected a non-empty text in one line"),
        ("[1]", r"\[0\] is 1, expected an object"),
    ],
)
def test_a_malformed_file_is_refused_by_name(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "splits_final.json").write_text(content)

    with pytest.raises(InvalidValueError, match=rf"splits_final\.json: {reason}"):
        split(tmp_path, 0)


def test_fewer_cases_than_folds_have_one_fold_each(tmp_path: Path) -> None:
    cases, lines = split(tmp_path, 3, CASES[:4])

    assert (len(cases.train), len(cases.val)) == (3, 1)
    assert "Creating new 4-fold cross-validation split..." in lines
    with pytest.raises(ValueError, match="train with fold all"):
        split(tmp_path / "one", 0, CASES[:1])


def test_groups_stay_together_also_without_domains(tmp_path: Path) -> None:
    groups = {case: f"patient_{number // 2}" for number, case in enumerate(CASES)}

    cases, _ = split(tmp_path, 1, sampling=StockSampling(groups))

    assert not {groups[case] for case in cases.train} & {groups[case] for case in cases.val}


def test_a_split_that_leaks_a_group_is_refused_with_its_name(tmp_path: Path) -> None:
    write_splits(tmp_path, [{"train": CASES[:1], "val": CASES[1:2]}])
    groups = dict.fromkeys(CASES[:2], "patient_7")

    with pytest.raises(DomainMapError, match="patient_7"):
        split(tmp_path, 0, sampling=StockSampling(groups))
