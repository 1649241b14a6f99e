"""Collect the validation predictions of all folds of a model and score them."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nnunetv2.configuration import default_num_processes
from nnunetv2.errors import SettingsError
from nnunetv2.evaluation.evaluate_predictions import score_predictions
from nnunetv2.evaluation.validation_files import refuse_incomplete_validations, validation_files
from nnunetv2.file_kinds.dataset_files import MODEL_DATASET
from nnunetv2.foundation.files import copy_file, read_json
from nnunetv2.foundation.late_names import late_names
from nnunetv2.imageio.side_files import copy_side_files, side_files_of_label
from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from s1.file_endings import label_ending

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__, {"nnunetv2.evaluation.evaluate_predictions": ("compute_metrics_on_folder",)}
)

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

    Raises DatasetError for folds without validation, for cases of the splits file that were not validated, and for
    cases that two folds validated, SettingsError if the folder to replace contains anything else.
    """
    model, merged = Path(trained_model_folder), Path(merged_output_folder)
    dataset_json = read_json(model / "dataset.json", MODEL_DATASET)
    plans_manager = PlansManager(model / "plans.json")
    ending = label_ending(dataset_json["file_ending"])
    validated = validation_files(model, folds, ending)
    if nnUNet_preprocessed.is_set():
        splits_file = nnUNet_preprocessed / plans_manager.dataset_name / "splits_final.json"
        refuse_incomplete_validations(model, folds, validated, splits_file)
    files = {f"{case}{ending}": path for case, path in validated.items()}
    reader = plans_manager.image_reader_writer_class()
    if overwrite and merged.is_dir():
        _remove_earlier_results(merged, ending, reader)
    merged.mkdir(parents=True, exist_ok=True)
    for name in ("dataset.json", "plans.json"):
        copy_file(model / name, merged / name)
    new = [name for name in files if not (merged / name).is_file()]
    for name in new:
        copy_file(files[name], merged / name)
        copy_side_files(reader, files[name], merged / name)
    if new or not (merged / "summary.json").is_file():
        labels, summary = raw_or_copied_labels(plans_manager.dataset_name), merged / "summary.json"
        score_predictions(labels, merged, summary, plans_manager, dataset_json, num_processes)


def _remove_earlier_results(folder: Path, file_ending: str, reader: Any) -> None:
    """Remove a folder that holds nothing but predictions and what commands of nnU-Net write beside them."""
    names = {path.name for path in folder.iterdir()}
    predictions = {name for name in names if name.endswith(file_ending)}
    beside = {file.name for name in predictions for file in side_files_of_label(reader, folder / name)}
    foreign = sorted(name for name in names - _WRITTEN - predictions - beside if not name.startswith("."))
    if foreign or (names and not {"dataset.json", "plans.json"} <= names):
        raise SettingsError(
            f"{folder} is not replaced: it is not, or not only, the result of a cross-validation"
            f"{f' (it contains {foreign[0]})' if foreign else ''}. Choose another folder, or empty this one yourself."
        )
    shutil.rmtree(folder)


def raw_or_copied_labels(dataset_name: str) -> str:
    """Return the folder of a dataset's reference segmentations: the raw one if it exists, otherwise its copy."""
    if nnUNet_raw.is_set():
        raw = os.path.join(nnUNet_raw, dataset_name, "labelsTr")
        if os.path.isdir(raw):
            return raw
    return os.path.join(nnUNet_preprocessed, dataset_name, "gt_segmentations")
