"""Files of a raw dataset that are copied to its preprocessed folder: domains, groups, folds, labels."""

import filecmp
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nnunetv2.errors import DatasetLayoutError, DomainMapError
from nnunetv2.imageio.side_files import copy_side_files
from nnunetv2.utilities.file_kinds.dataset_files import SPLITS
from nnunetv2.utilities.files import copy_file, make_folder, read_json
from s1.case_names import composed
from s1.domain_files import check_group_cases, read_domain_map, read_groups
from s1.domain_map import check_cases
from s1.readable_files import is_given

DOMAIN_FILES = ("domains.json", "groups.json", "prism_dd.json")
"""Domains, groups and the result of stage 1 (method, section 0)."""

PathLike = str | os.PathLike[str]
_log = logging.getLogger(__name__)


def check_domains(raw_folder: PathLike, cases: Iterable[str]) -> None:
    """Raise DomainMapError if domains.json exists and is malformed or does not match the cases."""
    path = Path(raw_folder) / "domains.json"
    if is_given(path, DomainMapError):
        check_cases(read_domain_map(path), cases, path)


def check_groups(raw_folder: PathLike, cases: Iterable[str]) -> None:
    """Raise DomainMapError if groups.json exists and is malformed or names a case that does not exist."""
    path = Path(raw_folder) / "groups.json"
    if is_given(path, DomainMapError):
        check_group_cases(read_groups(path), cases, path)


def take_over_domain_files(raw_folder: PathLike, preprocessed_folder: PathLike, cases: Iterable[str]) -> None:
    """Check domains.json and groups.json, then update their copies, and that of prism_dd.json, in the other folder.

    A copy whose original is gone is removed, as trainings would still use it.
    """
    cases = [str(case) for case in cases]
    check_domains(raw_folder, cases)
    check_groups(raw_folder, cases)
    for name in DOMAIN_FILES:
        source, target = Path(raw_folder) / name, Path(preprocessed_folder) / name
        if is_given(source, DomainMapError):
            if not (target.is_file() and filecmp.cmp(source, target, shallow=False)):
                copy_file(source, target)
        elif target.is_file():
            _log.warning("removing %s: the raw dataset no longer has %s", target, name)
            target.unlink()


def take_over_splits(raw_folder: PathLike, preprocessed_folder: PathLike) -> None:
    """Copy a hand-made splits_final.json. An existing copy must have the same folds; it may have more.

    Raises DatasetLayoutError if it has not, or if a file contains no folds.
    """
    source, target = Path(raw_folder) / "splits_final.json", Path(preprocessed_folder) / "splits_final.json"
    if not is_given(source, DatasetLayoutError):
        return
    wanted = _folds_in(source)
    if not is_given(target, DatasetLayoutError):
        copy_file(source, target)
        return
    existing = _folds_in(target)
    for number, fold in enumerate(wanted):
        if number >= len(existing) or fold != existing[number]:
            raise DatasetLayoutError(
                f"fold {number} of {source} differs from {target}, which earlier trainings used. "
                f"Delete {target} to adopt the new folds, or remove {source}."
            )


def _folds_in(path: Path) -> list[dict[str, set[str]]]:
    folds = read_json(path, SPLITS, DatasetLayoutError)
    return [{part: set(map(composed, fold[part])) for part in ("train", "val")} for fold in folds]


def copy_newer_labels(
    dataset: Mapping[str, Mapping[str, Any]], folder: PathLike, file_ending: str, reader: Any = None
) -> None:
    """Copy every label file, its mode and its times to `<folder>/<case><ending>`, unless the copy is as new.

    Parameters:
        reader: reads the labels and knows the files beside them, which are copied too.
    """
    folder = make_folder(folder, "nnUNet_preprocessed")
    for case, files in dataset.items():
        source, target = Path(files["label"]), folder / f"{case}{file_ending}"
        if not target.exists() or source.stat().st_mtime > target.stat().st_mtime:
            copy_file(source, target)
        copy_side_files(reader, source, target)
