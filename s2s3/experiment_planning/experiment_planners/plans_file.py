"""Writes plans.json and keeps what a user has added to it."""

import logging
from pathlib import Path
from typing import Any

from nnunetv2.configuration import STOCK_CONFIGURATIONS
from nnunetv2.domains.dataset_domains import DOMAIN_FILES
from nnunetv2.errors import SettingsError
from nnunetv2.file_kinds.plans_files import PLANS
from nnunetv2.foundation.files import read_json, write_json

OTHER_FILES = ("dataset.json", "dataset_fingerprint.json", "splits_final.json", *DOMAIN_FILES)
_log = logging.getLogger(__name__)


def check_plans_name(name: str) -> None:
    """Raise SettingsError for a name that leads to another folder or to a file of the dataset that is no plans."""
    if f"{name}.json" in OTHER_FILES:
        raise SettingsError(f"plans cannot have the name {name!r}: {name}.json is another file of the dataset")
    if not name or Path(name).name != name or name == "..":
        raise SettingsError(f"plans cannot have the name {name!r}: expected a name without folders")


def write_plans(plans: dict[str, Any], path: Path) -> None:
    """Write plans.json; configurations that only the existing file has are kept and added to `plans`."""
    check_plans_name(path.stem)
    if path.is_file():
        old = _configurations_in(path)
        kept = {name: content for name, content in old.items() if name not in plans["configurations"]}
        plans["configurations"].update(kept)
        stale = [name for name in STOCK_CONFIGURATIONS if name in kept]
        if stale:
            _log.warning(
                "%s: keeping %s from an earlier planning, although this one does not yield them. "
                "Delete the file before planning to drop them.",
                path,
                ", ".join(stale),
            )
    write_json(plans, path)


def _configurations_in(path: Path) -> dict[str, Any]:
    configurations: dict[str, Any] = read_json(path, PLANS).get("configurations", {})
    return configurations
