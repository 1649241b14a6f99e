"""Reading and writing small files: written beside the target and renamed, so that nothing half-written stays."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from nnunetv2.errors import InvalidValueError, MissingFileError, SettingsError


@contextmanager
def replacing(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `target`, same ending; on success it replaces the target, else it is removed."""
    target = Path(target)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=f".partial{''.join(target.suffixes[-2:])}")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _take_default_mode(temporary)
        os.replace(temporary, target)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _take_default_mode(path: Path) -> None:
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)


def make_folder(folder: str | os.PathLike[str], variable: str) -> Path:
    """Create a folder below the one that `variable` names; SettingsError where it cannot be made or written into."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"cannot create {folder}: {error.strerror}. Check {variable}.") from None
    if not os.access(folder, os.W_OK):
        raise SettingsError(f"cannot write into {folder}: permission denied. Check {variable}.")
    return folder


def write_json(content: Any, target: str | os.PathLike[str], sort_keys: bool = False) -> None:
    """Write JSON with an indent of 4 and no newline at the end, atomically."""
    with replacing(target) as temporary, temporary.open("w") as stream:
        json.dump(content, stream, indent=4, sort_keys=sort_keys)


def read_json(path: str | os.PathLike[str], what: str = "JSON file") -> Any:
    """Read a JSON file; MissingFileError if absent, InvalidValueError with line and column if malformed."""
    try:
        with open(path) as stream:
            return json.load(stream)
    except FileNotFoundError:
        raise MissingFileError(f"{what} not found: {path}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InvalidValueError(f"{path}: not valid JSON ({error})") from None


def copy_file(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Copy bytes, mode and times, atomically."""
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)
    shutil.copystat(source, target)
