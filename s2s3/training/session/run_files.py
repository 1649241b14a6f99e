"""Files that a training finds and leaves beside its checkpoints."""

import os
from collections.abc import Mapping
from os.path import join
from typing import Any

from nnunetv2.errors import MissingFileError, SettingsError
from nnunetv2.training.session.domain_files import PROVENANCE_FILES, copy_existing
from nnunetv2.utilities.files import write_json

FINGERPRINT = "dataset_fingerprint.json"


def require_preprocessed(folder: str | None) -> str:
    """Return the folder of the preprocessed cases; MissingFileError says what to run if there is none."""
    if folder is None:
        raise SettingsError("nnUNet_preprocessed is not set; it names the folder of the preprocessed data sets")
    if not os.path.isdir(folder) or not os.listdir(folder):
        raise MissingFileError(
            f"{folder}: the data set was not preprocessed for this configuration; run nnUNetv2_preprocess or "
            "nnUNetv2_plan_and_preprocess first"
        )
    return folder


def write_model_files(plans: Mapping[str, Any], dataset_json: Mapping[str, Any], source: str, target: str) -> None:
    """Write what a model needs to be used, and copy what it was made from, into the model folder.

    Parameters:
        source: the preprocessed data set, with fingerprint and domain files as far as they exist.
    """
    write_json(plans, join(target, "plans.json"))
    write_json(dataset_json, join(target, "dataset.json"))
    copy_existing((FINGERPRINT, *PROVENANCE_FILES), source, target)
