"""Writes plans.json and keeps what a user has added to it."""

import logging
from pathlib import Path
from typing import Any

from nnunetv2.errors import InvalidValueError, SettingsError
from nnunetv2.experiment_planning.companion_files import DOMAIN_FILES
from nnunetv2.utilities.files import read_json, write_json

DEFAULT_CONFIGURATIONS = ("2d", "3d_fullres", "3d_lowres", "3d_cascade_fullres")
_OTHER_FILES = ("dataset.json", "dataset_fingerprint.json", "splits_final.json", *DOMAIN_FILES)
_log = logging.getLogger(__name__)


def write_plans(plans: dict[str, Any], path: Path) -> None:
    """Write plans.json; configurations that only the existing file has are kept and added to `plans`."""
    if path.name in _OTHER_FILES:
        raise SettingsError(f"plans cannot have the name {path.stem!r}: {path} is another file of the dataset")
    if path.is_file():
        old = _configurations_in(path)
        kept = {name: content for name, content in old.items() if name not in plans["configurations"]}
        plans["configurations"].update(kept)
        stale = [name for name in DEFAULT_CONFIGURATIONS if name in kept]
        if stale:
            _log.warning(
                "%s: keeping %s from an earlier planning, although this one does not yield them. "
                "Delete the file before planning to drop them.",
                path,
                ", ".join(stale),
            )
    write_json(plans, path)


def _configurations_in(path: Path) -> dict[str, Any]:
    content = read_json(path, "plans file")
    configurations = content.get("configurations", {}) if isinstance(content, dict) else None
    if not isinstance(configurations, dict):
        raise InvalidValueError(f"{path}: expected plans with an object 'configurations'; correct or delete the file")
    return configurations
