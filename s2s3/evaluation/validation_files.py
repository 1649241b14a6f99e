"""Find what the final validations of a model's folds wrote."""

from collections.abc import Sequence
from pathlib import Path

from nnunetv2.errors import DatasetError, DatasetLayoutError
from nnunetv2.utilities.utils import files_in_folder


def validation_files(model_folder: Path, folds: Sequence[int | str], file_ending: str) -> dict[str, Path]:
    """Return case -> file of the validations of all folds: segmentations, or probabilities for the ending .npz.

    Raises DatasetError for a fold without such files, DatasetLayoutError for cases that two folds validated.
    """
    files: dict[str, Path] = {}
    for fold in folds:
        folder = model_folder / f"fold_{fold}" / "validation"
        names = files_in_folder(folder, file_ending) if folder.is_dir() else []
        found = {name.removesuffix(file_ending): folder / name for name in names}
        if not found:
            options = "--val --npz" if file_ending == ".npz" else "--val"
            raise DatasetError(
                f"{folder}: no {file_ending} files, fold {fold} has not been validated. Train it, or repeat the"
                f" validation of a trained fold with `nnUNetv2_train ... {options}`."
            )
        twice = sorted(found.keys() & files.keys())
        if twice:
            raise DatasetLayoutError(
                f"{folder}: cases that another fold also validated; were the splits changed?", twice
            )
        files.update(found)
    return files
