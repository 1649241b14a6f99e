"""Files of a raw dataset that are copied to its preprocessed folder: domains, groups, folds, labels."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nnunetv2.domains.dataset_domains import copy_domain_files, read_dataset_domains
from nnunetv2.errors import DatasetLayoutError
from nnunetv2.file_kinds.dataset_files import SPLITS
from nnunetv2.foundation.files import copy_file, make_folder, read_json
from nnunetv2.imageio.side_files import copy_side_files
from s1.case_names import composed
from s1.readable_files import is_given

PathLike = str | os.PathLike[str]


def take_over_domain_files(raw_folder: PathLike, preprocessed_folder: PathLike, cases: Iterable[str]) -> None:
    """Check domains.json, groups.json and prism_dd.json, then update their copies in the other folder.

    A copy whose original is gone is removed, as trainings would still use it.
    """
    read_dataset_domains(raw_folder, cases=map(str, cases))
    copy_domain_files(raw_folder, preprocessed_folder)


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
