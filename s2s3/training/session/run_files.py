"""Files that a training requires, and those it writes to the model folder."""

import os
from collections.abc import Mapping
from os.path import join
from typing import Any

from nnunetv2.domains.dataset_domains import copy_domain_files
from nnunetv2.errors import MissingFileError, SettingsError
from nnunetv2.utilities.files import mirror_file, write_json

FINGERPRINT = "dataset_fingerprint.json"


def require_preprocessed(folder: str | None, command: str = "nnUNetv2_preprocess") -> str:
    """Return the folder of the preprocessed cases; MissingFileError names the command to run if there is none."""
    if folder is None:
        raise SettingsError("nnUNet_preprocessed is not set; set it to the folder of the preprocessed datasets")
    if not os.path.isdir(folder) or not os.listdir(folder):
        raise MissingFileError(
            f"{folder}: the data set was not preprocessed for this configuration; run `{command}` first"
        )
    return folder


def write_model_files(plans: Mapping[str, Any], dataset_json: Mapping[str, Any], source: str, target: str) -> None:
    """Write plans.json and dataset.json to the model folder, and copy fingerprint and domain files there.

    Parameters:
        source: folder of the preprocessed dataset; files that it lacks are not copied.
    """
    write_json(plans, join(target, "plans.json"))
    write_json(dataset_json, join(target, "dataset.json"))
    mirror_file(join(source, FINGERPRINT), join(target, FINGERPRINT))
    copy_domain_files(source, target)
