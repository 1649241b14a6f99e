"""Read and write small files; they are written next to the target and renamed, so that no incomplete file remains."""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nnunetv2.errors import InvalidValueError, MissingFileError, SettingsError

_LONGEST_SUFFIX = len(".jsonl")
"""A longer text after a dot is not a file ending but part of the name, and names may have any length."""


@contextmanager
def replacing(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path next to `target`, same ending; it replaces the target on success, or is removed."""
    target = Path(target)
    suffixes = [suffix for suffix in target.suffixes[-2:] if len(suffix) <= _LONGEST_SUFFIX]
    ending = f".partial{''.join(suffixes)}"
    with _blaming(target, ending), _temporary_file(target.parent, ending) as temporary:
        yield temporary
        _take_default_mode(temporary)
        os.replace(temporary, target)


@contextmanager
def _temporary_file(folder: Path, ending: str) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(dir=folder, prefix=".", suffix=ending)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


@contextmanager
def _blaming(target: Path, ending: str) -> Iterator[None]:
    """Name the target in errors about its temporary file and in those without a file name, as from a full disk."""
    try:
        yield
    except OSError as error:
        files = [str(file) for file in (error.filename, error.filename2) if file is not None]
        if error.errno is None or (files and not any(file.endswith(ending) for file in files)):
            raise
        raise OSError(error.errno, error.strerror, str(target)) from error


def describe_os_error(error: OSError) -> str:
    """Return one line: which file, what happened and, if a disk is full, what to do."""
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        source, target, reason = error.args[0][0]
        return f"{source}: cannot be copied to {target} ({reason}); {len(error.args[0])} such failure(s)"
    file, text = error.filename, error.strerror or str(error) or type(error).__name__
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        file = error.filename2 or file  # a copy fails if there is no space at its target
        text += "; free some space, then run the command again"
    return f"{file}: {text}" if file else text


def _take_default_mode(path: Path) -> None:
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)


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


def read_json(path: str | os.PathLike[str], what: str = "JSON file") -> Any:
    """Read a JSON file, with or without a byte order mark.

    Raises MissingFileError if it is absent, InvalidValueError with line and column if it is malformed.
    """
    try:
        with open(path, encoding="utf-8-sig") as stream:
            return json.load(stream)
    except FileNotFoundError:
        raise MissingFileError(f"{what} not found: {path}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InvalidValueError(f"{path}: not valid JSON ({error})") from None


def json_content(
    given: dict[str, Any] | str | os.PathLike[str] | None, default: str | os.PathLike[str]
) -> dict[str, Any]:
    """Return JSON content given as such or as the path of its file, which for None is `default`."""
    return given if isinstance(given, dict) else read_json(given or default)


def copy_file(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Copy bytes, mode and times, atomically."""
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)
    shutil.copystat(source, target)
