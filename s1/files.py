"""Write files atomically: to a temporary file that is renamed at the end."""

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from s1.errors import DriftError
from s1.partial_files import partial_name, remove_abandoned

_LONGEST_SUFFIX = len(".jsonl")
"""A longer text after a dot is not a file ending but part of the name, and names may have any length."""
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")
"""What numpy says, without an error number, if a disk is full."""
_NO_SPACE_BYTES = 1 << 16


@contextmanager
def replacing(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path next to `target`, same ending; it replaces the target on success, or is removed.

    Temporary files that killed processes left in this folder are removed first. A full disk is an OSError with the
    name of the target, whatever the library that writes raises.
    """
    target = Path(target)
    suffixes = [suffix for suffix in target.suffixes[-2:] if len(suffix) <= _LONGEST_SUFFIX]
    with (
        blaming(target),
        _temporary_file(target.parent, "".join(suffixes)) as temporary,
        _noticing_full_disk(temporary),
    ):
        yield temporary
        os.replace(temporary, target)


@contextmanager
def _temporary_file(folder: Path, ending: str) -> Iterator[Path]:
    remove_abandoned(folder)
    path = folder / partial_name(ending)  # named before it exists: Ctrl-C at any moment removes it
    try:
        path.touch(exist_ok=False)
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def blaming(target: str | os.PathLike[str]) -> Iterator[None]:
    """Name the target in errors about temporary files and in those without a file name, as from a full disk."""
    try:
        yield
    except OSError as error:
        number = errno.ENOSPC if _SHORT_WRITE.fullmatch(str(error)) else error.errno
        files = [str(file) for file in (error.filename, error.filename2) if file is not None]
        if number is None or (files and not any(".partial" in file for file in files)):
            raise
        raise OSError(number, error.strerror or os.strerror(number), str(target)) from error


@contextmanager
def _noticing_full_disk(temporary: Path) -> Iterator[None]:
    """Turn the RuntimeError of a library in C++, such as torch or ITK, into an OSError if the disk is full."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, DriftError) or shutil.disk_usage(temporary.parent).free > _NO_SPACE_BYTES:
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(temporary)) from error


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


def json_bytes(content: Any) -> bytes:
    """Return `content` as indented UTF-8 JSON."""
    return (json.dumps(content, indent=4, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write_json(content: Any, target: str | os.PathLike[str]) -> None:
    """Write `content` to `target` as indented UTF-8 JSON, atomically."""
    with replacing(target) as temporary:
        temporary.write_bytes(json_bytes(content))


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def write_together(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files, given as name -> content, to a folder, which is created if needed.

    All are written to temporary files before the first is renamed, so that a full disk changes nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        for name, content in contents.items():
            stack.enter_context(replacing(folder / name)).write_bytes(content)
