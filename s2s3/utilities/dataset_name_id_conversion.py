"""From the id of a dataset to its folder name and back."""

import os
import re

import numpy as np

from nnunetv2.errors import DatasetLayoutError, InvalidValueError, SettingsError
from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw, nnUNet_results

_NAME = re.compile(r"Dataset(\d{3,})")


def find_candidate_datasets(dataset_id: int) -> np.ndarray:
    """Return the sorted folder names with this id in the raw, preprocessed and results folders, if these exist.

    `Dataset077_x` has id 77. A name that merely begins like it (`Dataset0770_x`) counts only if no other does.
    """
    prefix = "Dataset%03d" % dataset_id  # noqa: UP031  a float or numpy number is accepted, text is not
    candidates = {name for folder in _known_folders() for name in _subfolders(folder) if name.startswith(prefix)}
    exact = {name for name in candidates if not name[len(prefix) :][:1].isdigit()}
    return np.array(sorted(exact or candidates), dtype=str)


def _known_folders() -> list[str]:
    values = (variable.get() for variable in (nnUNet_preprocessed, nnUNet_raw, nnUNet_results))
    return [value for value in values if value is not None and os.path.isdir(value)]


def _subfolders(folder: str) -> list[str]:
    return [name for name in os.listdir(folder) if os.path.isdir(os.path.join(folder, name))]


def convert_id_to_dataset_name(dataset_id: int) -> str:
    """Return the folder name of the dataset with this id; SettingsError if there is none, or more than one."""
    candidates = find_candidate_datasets(dataset_id)
    if len(candidates) == 1:
        return candidates[0]
    if len(candidates) > 1:
        raise SettingsError(
            f"More than one dataset name found for dataset id {dataset_id}: {', '.join(candidates)}. Looked in "
            f"{_describe_folders()}. Rename or remove all but one, or pass the full name."
        )
    raise SettingsError(
        f"Could not find a dataset with the ID {dataset_id}, expected a folder Dataset{int(dataset_id):03d}_<Name> in "
        f"{_describe_folders()}. Known datasets: {_known_datasets()}."
    )


def _describe_folders() -> str:
    folders = {"nnUNet_raw": nnUNet_raw, "nnUNet_preprocessed": nnUNet_preprocessed, "nnUNet_results": nnUNet_results}
    return ", ".join(f"{name}={variable.get() or 'not set'}" for name, variable in folders.items())


def _known_datasets() -> str:
    names = {name for folder in _known_folders() for name in _subfolders(folder) if _NAME.match(name)}
    return ", ".join(sorted(names)) or "none"


def convert_dataset_name_to_id(dataset_name: str) -> int:
    """Return the number in `Dataset<number>_<Name>`."""
    if not dataset_name.startswith("Dataset"):
        raise DatasetLayoutError(f"dataset name {dataset_name!r}: expected Dataset<three digits>_<Name>")
    match = _NAME.match(dataset_name)
    if match is None:
        raise InvalidValueError(f"dataset name {dataset_name!r}: no number of three digits after 'Dataset'")
    return int(match[1])


def maybe_convert_to_dataset_name(dataset_name_or_id: int | str) -> str:
    """Return a name `Dataset...` unchanged (whether it exists or not); look any other value up as an id."""
    if not isinstance(dataset_name_or_id, str):
        return convert_id_to_dataset_name(dataset_name_or_id)
    if dataset_name_or_id.startswith("Dataset"):
        return dataset_name_or_id
    try:
        dataset_id = int(dataset_name_or_id)
    except ValueError:
        raise InvalidValueError(
            f"dataset {dataset_name_or_id!r}: expected an id like 4 or a name like Dataset004_Name"
        ) from None
    return convert_id_to_dataset_name(dataset_id)
