"""The raw folder that a conversion fills: complete under its name, or not there at all."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nnunetv2.errors import DatasetError, InvalidValueError, SettingsError
from nnunetv2.paths import nnUNet_raw

_NAME = re.compile(r"Dataset\d{3,}_\w[\w.-]*")


def check_dataset_name(name: str) -> str:
    """Return a name of the form Dataset004_Name; InvalidValueError for any other."""
    if not _NAME.fullmatch(name):
        raise InvalidValueError(
            f"data set name {name!r}: expected Dataset<three digits>_<Name>, such as Dataset004_Skin"
        )
    return name


@contextmanager
def new_raw_dataset(name: str) -> Iterator[Path]:
    """Yield a temporary folder beside the target; it becomes `nnUNet_raw/<name>` on success, else it is removed.

    Raises DatasetError (a RuntimeError) where the target exists, SettingsError where nnUNet_raw cannot be written.
    """
    root = Path(nnUNet_raw)
    target = root / name
    if target.exists():
        raise DatasetError(f"{target} exists already; remove it or choose another name")
    try:
        root.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=root, prefix=f".{name}-", suffix=".partial"))
    except OSError as error:
        raise SettingsError(f"cannot write into {root}: {error.strerror}. Check nnUNet_raw.") from None
    try:
        temporary.chmod(0o755)
        yield temporary
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
