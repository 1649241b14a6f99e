"""Read and write small files; they are written next to the target and renamed, so that no incomplete file remains."""

import filecmp
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nnunetv2.errors import DriftError, InvalidValueError, MissingFileError, SettingsError
from s1 import json_files
from s1.files import describe_os_error, file_sha256, replacing
from s1.json_files import DEFAULT_KIND, JsonFile
from s1.json_schema import Problem
from s1.readable_files import require_file

__all__ = [
    "copy_file",
    "describe_os_error",
    "file_sha256",
    "json_content",
    "make_folder",
    "mirror_file",
    "raise_problems",
    "read_json",
    "replacing",
    "write_json",
]

PathLike = str | os.PathLike[str]


def make_folder(folder: str | os.PathLike[str], variable: str) -> Path:
    """Create a folder below the one that `variable` names; SettingsError if it cannot be made or written to."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"cannot create {folder}: {error.strerror}. Check {variable}.") from None
    if not os.access(folder, os.W_OK):
        raise SettingsError(f"cannot write into {folder}: not permitted, or a read-only disk. Check {variable}.")
    return folder


def write_json(content: Any, target: str | os.PathLike[str], sort_keys: bool = False) -> None:
    """Write JSON with an indent of 4 and no newline at the end, atomically."""
    with replacing(target) as temporary, temporary.open("w") as stream:
        json.dump(content, stream, indent=4, sort_keys=sort_keys)


def read_json(path: PathLike, kind: JsonFile = DEFAULT_KIND, invalid: type[DriftError] = InvalidValueError) -> Any:
    """Read a JSON file of a kind; see s1/json_files.py for its limits.

    Raises MissingFileError if it is absent; `invalid`, one line for each problem, if it is malformed or is not what its
    kind says.
    """
    return json_files.read_json(path, kind, invalid, MissingFileError)


def raise_problems(problems: Sequence[Problem], source: PathLike, kind: JsonFile) -> None:
    """Raise InvalidValueError with one line for each problem; do nothing without any."""
    json_files.raise_problems(problems, source, kind, InvalidValueError)


def json_content(given: dict[str, Any] | PathLike | None, default: PathLike, kind: JsonFile) -> dict[str, Any]:
    """Return JSON content given as such or as the path of its file, which for None is `default`."""
    return given if isinstance(given, dict) else read_json(given or default, kind)


def copy_file(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Copy bytes, mode and times, atomically; InvalidValueError if the source is a pipe, a device or a lost link."""
    require_file(source, InvalidValueError)
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)
    shutil.copystat(source, target)


def mirror_file(source: PathLike, target: PathLike) -> bool:
    """Bring a copy up to date: copy a file whose copy differs, remove a copy whose original is gone.

    Returns whether a copy was removed. Raises InvalidValueError if the source is a pipe, a device or a lost link.
    """
    require_file(source, InvalidValueError)
    if not os.path.lexists(source):
        stale = os.path.isfile(target)
        Path(target).unlink(missing_ok=True)  # another rank of a training may have removed it meanwhile
        return stale
    if not (os.path.isfile(target) and filecmp.cmp(source, target, shallow=False)):
        copy_file(source, target)
    return False
