"""The training and validation cases of a fold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nnunetv2.errors import DatasetError, InvalidValueError
from nnunetv2.file_kinds.dataset_files import SPLITS
from nnunetv2.foundation.files import read_json, write_json
from s1.case_names import named_as_in
from s1.readable_files import is_given

Splits = list[dict[str, list[str]]]
Report = Callable[[str], None]


@dataclass(frozen=True)
class FoldCases:
    """Case identifiers of one fold."""

    train: list[str]
    val: list[str]


def split_into_fold(
    cases: Sequence[str],
    fold: int | str,
    splits_file: str,
    make_splits: Callable[[Sequence[str]], Splits],
    check_splits: Callable[[Splits, str], None],
    report: Report,
) -> FoldCases:
    """Return the cases of a fold from the splits file, which is created if missing.

    Parameters:
        cases: sorted identifiers of all preprocessed cases.
        fold: number in the file, a higher number (a random 80:20 split), or 'all' (every case in both).
        make_splits: makes the folds if there is no file.
        check_splits: raises for invalid splits; called with the splits and the path of the file.

    Raises InvalidValueError for other folds or a malformed file, DatasetError if cases of the fold are missing.
    """
    if fold == "all":
        return FoldCases(list(cases), list(cases))
    number = int(fold_of(fold))
    splits = _read_or_make(splits_file, cases, make_splits, report)
    check_splits(splits, splits_file)
    report(f"Desired fold for training: {number}")
    if number >= len(splits):
        return _random_fold(cases, number, len(splits), report)
    chosen = FoldCases(list(splits[number]["train"]), list(splits[number]["val"]))
    _check_not_empty(chosen, number, splits_file)
    _check_against_folder(chosen, cases, number, splits_file)
    report(f"This split has {len(chosen.train)} training and {len(chosen.val)} validation cases.")
    _warn_of_overlap(chosen, report)
    return chosen


def fold_of(fold: int | str) -> int | str:
    """Return 'all' or the number of the fold. Raises InvalidValueError, a ValueError, for anything else."""
    if fold == "all":
        return fold
    if not str(fold).isdecimal():
        raise InvalidValueError(f"fold is {fold!r}, expected a number from 0 on, or 'all'")
    return int(fold)


def _read_or_make(
    splits_file: str, cases: Sequence[str], make_splits: Callable[[Sequence[str]], Splits], report: Report
) -> Splits:
    if is_given(splits_file, InvalidValueError):
        report(f"Using splits from existing split file: {splits_file}")
        splits = _named_as_in(cases, read_json(splits_file, SPLITS))
        report(f"The split file contains {len(splits)} splits.")
        _report_unused(splits, cases, report)
        return splits
    splits = make_splits(cases)
    report(f"Creating new {len(splits)}-fold cross-validation split...")
    write_json(splits, splits_file)
    return splits


def _check_not_empty(chosen: FoldCases, fold: int, splits_file: str) -> None:
    """Refuse a fold without cases, whose loader nnU-Net could not start either; other folds may be empty."""
    for part in ("train", "val"):
        if not getattr(chosen, part):
            raise InvalidValueError(
                f"{splits_file}: [{fold}].{part} is [], expected one case or more; correct the fold, or train 'all'"
            )


def _named_as_in(cases: Sequence[str], splits: Splits) -> Splits:
    """Return the folds with the cases in the Unicode form of the preprocessed ones."""
    return [{**split, **{part: named_as_in(cases, split[part]) for part in ("train", "val")}} for split in splits]


def _report_unused(splits: Splits, cases: Sequence[str], report: Report) -> None:
    used = {case for split in splits for part in ("train", "val") for case in split[part]}
    unused = [case for case in cases if case not in used]
    if unused:
        report(f"{len(unused)} preprocessed cases are in no split and are not used: {_shortened(unused)}")


def _random_fold(cases: Sequence[str], fold: int, num_splits: int, report: Report) -> FoldCases:
    """Draw 80 % of the cases for training with a generator seeded by the fold, as nnU-Net does."""
    report(f"You requested fold {fold} but the split file has only {num_splits}. Using a random 80:20 split.")
    chosen = np.random.RandomState(12345 + fold).choice(len(cases), int(len(cases) * 0.8), replace=False)
    train = [cases[i] for i in chosen]
    taken = set(train)
    result = FoldCases(train, [case for case in cases if case not in taken])
    report(f"This random 80:20 split has {len(result.train)} training and {len(result.val)} validation cases.")
    return result


def _check_against_folder(chosen: FoldCases, cases: Sequence[str], fold: int, splits_file: str) -> None:
    known = set(cases)
    missing = sorted({case for case in (*chosen.train, *chosen.val) if case not in known})
    if missing:
        raise DatasetError(
            f"{splits_file}: fold {fold} names {len(missing)} cases that are not among the {len(cases)} preprocessed "
            "ones; preprocess again, or remove the file so that it is recreated",
            missing,
        )


def _warn_of_overlap(chosen: FoldCases, report: Report) -> None:
    both = sorted(set(chosen.train) & set(chosen.val))
    if both:
        report(f"WARNING: {len(both)} cases are in training and in validation: {_shortened(both)}")


def _shortened(names: Sequence[str], shown: int = 10) -> str:
    return ", ".join(names[:shown]) + (", ..." if len(names) > shown else "")
