"""The three JSON files that record how the predictions in a folder were made."""

import os
from collections.abc import Mapping
from typing import Any

from nnunetv2.foundation.files import write_json
from nnunetv2.inference.case_lists import Target, make_output_folders, output_folder_of
from nnunetv2.utilities.json_export import recursive_fix_for_json_export
from nnunetv2.utilities.plans_handling.model_description import ModelDescription

SOURCE = "list_of_lists_or_source_folder"
TARGET = "output_folder_or_list_of_truncated_output_files"
PREVIOUS = "folder_with_segs_from_prev_stage"


def call_arguments(values: Mapping[str, Any], *left_out: str) -> dict[str, Any]:
    """Return the arguments of a method, given its `locals()`, without some of them."""
    return {name: value for name, value in values.items() if name not in ("self", *left_out)}


def start_folders(target: Target, arguments: Mapping[str, Any], model: ModelDescription) -> None:
    """Create the folders that results go to, and write the record into the one of the first result.

    The record is dataset.json, plans.json and predict_from_raw_data_args.json (the call's arguments, keys sorted).
    """
    make_output_folders(target)
    folder = output_folder_of(target)
    if folder is None:
        return
    record = {name: _plain(value) for name, value in arguments.items()}
    recursive_fix_for_json_export(record)
    write_json(record, folder / "predict_from_raw_data_args.json", sort_keys=True)
    write_json(model.dataset_json, folder / "dataset.json")
    write_json(model.plans.plans, folder / "plans.json")


def _plain(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value
