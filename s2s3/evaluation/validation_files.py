"""Find what the final validations of a model's folds wrote."""

from collections.abc import Container, Sequence
from pathlib import Path

from nnunetv2.errors import DatasetError, DatasetLayoutError, SettingsError
from nnunetv2.file_kinds.dataset_files import SPLITS
from nnunetv2.foundation.files import read_json
from nnunetv2.model_sharing.model_advice import (
    FINAL,
    checkpoints_by_fold,
    describe_fold,
    predict_command,
    train_command,
)
from nnunetv2.utilities.utils import files_in_folder


def validation_files(model_folder: Path, folds: Sequence[int | str], file_ending: str) -> dict[str, Path]:
    """Return case -> file of the validations of all folds: segmentations, or probabilities for the ending .npz.

    Raises DatasetError that lists the folds without such files, DatasetLayoutError for cases that two folds validated.
    """
    files: dict[str, Path] = {}
    problems = []
    for fold in folds:
        folder = model_folder / f"fold_{fold}" / "validation"
        names = files_in_folder(folder, file_ending) if folder.is_dir() else []
        found = {name.removesuffix(file_ending): folder / name for name in names}
        if not found:
            problems.append(_way_to_validation(model_folder, fold, file_ending))
        twice = sorted(found.keys() & files.keys())
        if twice:
            raise DatasetLayoutError(
                f"{folder}: cases that another fold also validated; were the splits changed?", twice
            )
        files.update(found)
    if problems:
        raise _missing_validations(model_folder, problems, file_ending)
    return files


def refuse_incomplete_validations(
    model_folder: Path, folds: Sequence[int | str], validated: Container[str], splits_file: Path
) -> None:
    """Raise DatasetError if a validation case of the folds, by the splits file, has no prediction.

    Folds that the file does not have, which are drawn at random, and all folds without a file are not checked.
    """
    splits = read_json(splits_file, SPLITS) if splits_file.is_file() else []
    missing = [
        f"case {case}: {train_command(model_folder, fold, '--val')}"
        for fold in folds
        if isinstance(fold, int) and fold < len(splits)
        for case in splits[fold]["val"]
        if case not in validated
    ]
    if missing:
        raise DatasetError(
            f"{model_folder}: {len(missing)} cases of {splits_file} were not validated; the validation was "
            "interrupted, or the splits were changed",
            missing,
        )


def refuse_fold_all(model_folder: Path, folds: Sequence[int | str]) -> None:
    """Raise SettingsError for fold `all`, which validates the cases that it was trained on."""
    if "all" in folds:
        raise SettingsError(f"-f all: {_about_fold_all(model_folder)}")


def _about_fold_all(model_folder: Path) -> str:
    return (
        "fold all validates the cases that it was trained on, so there is nothing to compare or to choose by "
        f"cross-validation. Predict with it ({predict_command(model_folder, 'all')}), or train the folds 0 to 4 "
        f"({train_command(model_folder, 0)}, ...)"
    )


def _missing_validations(model_folder: Path, problems: list[str], file_ending: str) -> DatasetError:
    if set(checkpoints_by_fold(model_folder)) == {"all"}:
        return DatasetError(f"{model_folder}: only fold all was trained; {_about_fold_all(model_folder)}")
    if len(problems) == 1:
        return DatasetError(f"{model_folder}: {problems[0]}")
    return DatasetError(f"{model_folder}: {len(problems)} folds have no {file_ending} files of a validation:", problems)


def _way_to_validation(model_folder: Path, fold: int | str, file_ending: str) -> str:
    flags = ("--npz",) if file_ending == ".npz" else ()
    if FINAL not in checkpoints_by_fold(model_folder).get(str(fold), []):
        return describe_fold(model_folder, fold, *flags)
    command = train_command(model_folder, fold, "--val", *flags)
    return f"fold_{fold}/validation has no {file_ending} files, repeat the validation with {command}"
