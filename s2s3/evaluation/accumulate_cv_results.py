"""Collect the validation predictions of all folds of a model and score them."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nnunetv2.configuration import default_num_processes
from nnunetv2.errors import DatasetError, SettingsError
from nnunetv2.evaluation.evaluate_predictions import compute_metrics_on_folder
from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw
from nnunetv2.utilities.files import copy_file, read_json
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

PathLike = str | os.PathLike[str]

_WRITTEN = {
    "dataset.json",
    "plans.json",
    "summary.json",
    "domain_summary.json",
    "postprocessing.json",
    "postprocessing.pkl",
    "postprocessed",
}
"""What lies beside the predictions of a cross-validation."""


def accumulate_cv_results(
    trained_model_folder: PathLike,
    merged_output_folder: PathLike,
    folds: Sequence[int | str],
    num_processes: int = default_num_processes,
    overwrite: bool = True,
) -> None:
    """Copy the validation predictions of the folds into one folder and write its summary.json.

    `overwrite` replaces the results of an earlier run. Otherwise existing predictions are kept, and the folder is
    scored again only if some were added.

    Raises DatasetError for a fold without validation and for a case that two folds validated, SettingsError if the
    folder to replace contains anything else.
    """
    model, merged = Path(trained_model_folder), Path(merged_output_folder)
    dataset_json = read_json(model / "dataset.json", "dataset.json of the model")
    plans_manager = PlansManager(read_json(model / "plans.json", "plans.json of the model"))
    files = _validation_files(model, folds, dataset_json["file_ending"])
    if overwrite and merged.is_dir():
        _remove_earlier_results(merged, dataset_json["file_ending"])
    merged.mkdir(parents=True, exist_ok=True)
    for name in ("dataset.json", "plans.json"):
        copy_file(model / name, merged / name)
    new = [name for name in files if not (merged / name).is_file()]
    for name in new:
        copy_file(files[name], merged / name)
    if new or not (merged / "summary.json").is_file():
        _score(merged, plans_manager, dataset_json, num_processes)


def _validation_files(model: Path, folds: Sequence[int | str], file_ending: str) -> dict[str, Path]:
    """Return file name -> path of the validation predictions."""
    files: dict[str, Path] = {}
    for fold in folds:
        folder = model / f"fold_{fold}" / "validation"
        if not folder.is_dir():
            raise DatasetError(
                f"{folder} not found: fold {fold} has not been validated. Train it, or repeat the validation of a "
                "trained fold with `nnUNetv2_train ... --val`."
            )
        found = sorted(path for path in folder.glob(f"*{file_ending}") if path.is_file())
        twice = [path.name for path in found if path.name in files]
        if twice:
            raise DatasetError(f"{folder}: cases that another fold also validated; were the splits changed?", twice)
        files.update({path.name: path for path in found})
    return files


def _remove_earlier_results(folder: Path, file_ending: str) -> None:
    """Remove a folder that holds nothing but predictions and what commands of nnU-Net write beside them."""
    names = {path.name for path in folder.iterdir()}
    foreign = sorted(n for n in names - _WRITTEN if not n.endswith(file_ending) and not n.startswith("."))
    if foreign or (names and not {"dataset.json", "plans.json"} <= names):
        raise SettingsError(
            f"{folder} is not replaced: it is not, or not only, the result of a cross-validation"
            f"{f' (it contains {foreign[0]})' if foreign else ''}. Choose another folder, or empty this one yourself."
        )
    shutil.rmtree(folder)


def _score(folder: Path, plans_manager: PlansManager, dataset_json: dict[str, Any], num_processes: int) -> None:
    label_manager = plans_manager.get_label_manager(dataset_json)
    compute_metrics_on_folder(
        reference_folder(plans_manager.dataset_name),
        folder,
        folder / "summary.json",
        plans_manager.image_reader_writer_class(),
        dataset_json["file_ending"],
        label_manager.foreground_regions if label_manager.has_regions else label_manager.foreground_labels,
        label_manager.ignore_label,
        num_processes,
    )


def reference_folder(dataset_name: str) -> str:
    """Return the folder of a dataset's reference segmentations: the raw one if it exists, else the copy of it."""
    if nnUNet_raw.is_set():
        raw = os.path.join(nnUNet_raw, dataset_name, "labelsTr")
        if os.path.isdir(raw):
            return raw
    return os.path.join(nnUNet_preprocessed, dataset_name, "gt_segmentations")
