"""Write files atomically: to a temporary file that is renamed at the end."""

import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

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
        os.replace(temporary, target)


@contextmanager
def _temporary_file(folder: Path, ending: str) -> Iterator[Path]:
    path = folder / f".{secrets.token_hex(4)}{ending}"  # named before it exists: Ctrl-C at any moment removes it
    try:
        path.touch(exist_ok=False)
        yield path
    finally:
        path.unlink(missing_ok=True)


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


def json_bytes(content: Any) -> bytes:
    """Return `content` as indented UTF-8 JSON."""
    return (json.dumps(content, indent=4, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write_json(content: Any, target: str | os.PathLike[str]) -> None:
    """Write `content` to `target` as indented UTF-8 JSON, atomically."""
    with replacing(target) as temporary:
        temporary.write_bytes(json_bytes(content))


def write_together(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files, given as name -> content, to a folder, which is created if needed.

    All are written to temporary files before the first is renamed, so that a full disk changes nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        for name, content in contents.items():
            stack.enter_context(replacing(folder / name)).write_bytes(content)
