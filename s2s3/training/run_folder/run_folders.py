"""The folders a training reads from and writes to, and the files it writes to the model folder."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from os.path import join
from typing import Any

from nnunetv2.domains.dataset_domains import copy_domain_files
from nnunetv2.errors import MissingFileError, SettingsError
from nnunetv2.foundation.files import mirror_file, write_json

FINGERPRINT = "dataset_fingerprint.json"
STOP_FILE = "stop"
"""In a fold's folder: asks the training to end after the running epoch."""


@dataclass(frozen=True)
class RunFolders:
    """The folders of one training."""

    preprocessed_base: str | None
    """The dataset's folder in nnUNet_preprocessed; None if that variable is unset."""
    preprocessed: str | None
    """The preprocessed cases of the configuration."""
    output_base: str
    """The model folder, shared by all folds."""
    output: str
    """The fold's folder."""
    previous_stage_segmentations: str | None
    """Segmentations that the previous stage of a cascade left for this configuration; None without such a stage."""


@dataclass(frozen=True)
class RunName:
    """The parts of a training's folder names."""

    dataset: str
    trainer: str
    plans: str
    configuration: str
    fold: int | str

    def model_folder(self, results: str, configuration: str | None = None) -> str:
        """Return the folder of the trained model, `<results>/<dataset>/<trainer>__<plans>__<configuration>`."""
        identifier = f"{self.trainer}__{self.plans}__{configuration or self.configuration}"
        return os.path.join(results, self.dataset, identifier)


def run_folders(
    name: RunName, data_identifier: str, previous_stage: str | None, preprocessed: str | None, results: str
) -> RunFolders:
    """Return the folders of a training below the roots `preprocessed` (may be None) and `results`."""
    base = os.path.join(preprocessed, name.dataset) if preprocessed is not None else None
    output_base = name.model_folder(results)
    return RunFolders(
        preprocessed_base=base,
        preprocessed=os.path.join(base, data_identifier) if base is not None else None,
        output_base=output_base,
        output=os.path.join(output_base, f"fold_{name.fold}"),
        previous_stage_segmentations=_next_stage_folder(name, previous_stage, results),
    )


def _next_stage_folder(name: RunName, previous_stage: str | None, results: str) -> str | None:
    if previous_stage is None:
        return None
    return os.path.join(name.model_folder(results, previous_stage), "predicted_next_stage", name.configuration)


def require_preprocessed(folder: str | None, command: str = "nnUNetv2_preprocess") -> str:
    """Return the folder of the preprocessed cases; MissingFileError names the command to run if there is none."""
    if folder is None:
        raise SettingsError("nnUNet_preprocessed is not set; set it to the folder of the preprocessed datasets")
    if not os.path.isdir(folder) or not os.listdir(folder):
        raise MissingFileError(
            f"{folder}: the data set was not preprocessed for this configuration; run `{command}` first"
        )
    return folder


def take_stop_file(folder: str) -> bool:
    """Remove the file that asks for an end after the running epoch; tell whether there was one."""
    try:
        os.remove(os.path.join(folder, STOP_FILE))
    except (FileNotFoundError, IsADirectoryError, PermissionError):  # the last for folders on macOS and Windows
        return False
    return True


def write_model_files(plans: Mapping[str, Any], dataset_json: Mapping[str, Any], source: str, target: str) -> None:
    """Write plans.json and dataset.json to the model folder, and copy fingerprint and domain files there.

    Parameters:
        source: folder of the preprocessed dataset; files that it lacks are not copied.
    """
    write_json(plans, join(target, "plans.json"))
    write_json(dataset_json, join(target, "dataset.json"))
    mirror_file(join(source, FINGERPRINT), join(target, FINGERPRINT))
    copy_domain_files(source, target)
