"""The folder of a new raw dataset: it gets its name when it is complete."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nnunetv2.errors import DatasetError, InvalidValueError
from nnunetv2.foundation.files import make_folder
from nnunetv2.foundation.scratch_folder import scratch_folder
from nnunetv2.paths import nnUNet_raw

_NAME = re.compile(r"Dataset\d{3,}_\w[\w.-]*")


def check_dataset_name(name: str) -> str:
    """Return a name of the form Dataset004_Name; raise InvalidValueError for any other."""
    if not _NAME.fullmatch(name):
        raise InvalidValueError(
            f"dataset name {name!r}: expected Dataset<three digits>_<Name>, for example Dataset004_Skin"
        )
    return name


@contextmanager
def new_raw_dataset(name: str) -> Iterator[Path]:
    """Yield a temporary folder, which becomes `nnUNet_raw/<name>` on success and is removed otherwise.

    Raises DatasetError if the target exists or files in the folder are empty, SettingsError if nnUNet_raw cannot be
    written.
    """
    root = make_folder(nnUNet_raw, "nnUNet_raw")
    target = root / name
    if target.exists():
        raise DatasetError(f"{target} already exists; remove it or choose another name")
    with scratch_folder(root, name) as folder:
        yield folder
        _refuse_empty_files(folder)
        folder.rename(target)


def _refuse_empty_files(folder: Path) -> None:
    files = sorted(file for file in folder.rglob("*") if file.is_file() and not file.name.startswith("."))
    empty = [f"{file.relative_to(folder)}: 0 bytes" for file in files if not file.stat().st_size]
    if empty:
        raise DatasetError(f"{len(empty)} empty file(s), copy or download them again; nothing was written:", empty)
