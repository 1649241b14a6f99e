"""The three JSON files that record how the predictions in a folder were made."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnunetv2.utilities.files import write_json
from nnunetv2.utilities.json_export import recursive_fix_for_json_export


def write_run_record(
    folder: Path, arguments: Mapping[str, Any], dataset_json: dict[str, Any], plans: dict[str, Any]
) -> None:
    """Write dataset.json, plans.json and predict_from_raw_data_args.json (the call's arguments, keys sorted)."""
    record = {name: _plain(value) for name, value in arguments.items()}
    recursive_fix_for_json_export(record)
    write_json(record, folder / "predict_from_raw_data_args.json", sort_keys=True)
    write_json(dataset_json, folder / "dataset.json")
    write_json(plans, folder / "plans.json")


def _plain(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value
