"""Temporary folders next to the final files; those of killed processes are removed by the next process."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nnunetv2.foundation.file_lock import FileLock

_ENDING = ".scratch"
_LOCK_ENDING = ".lock"


@contextmanager
def scratch_folder(parent: Path, name: str) -> Iterator[Path]:
    """Yield a new, hidden folder in `parent`; at the end it is removed, unless it was renamed.

    Folders that killed processes left in `parent` are removed first: those whose lock nobody holds.
    """
    _remove_abandoned(parent)
    folder, lock = _claim(parent, name)
    try:
        folder.mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def _claim(parent: Path, name: str) -> tuple[Path, FileLock]:
    """Return the path of a folder to make, and its lock, which is held before the folder exists."""
    while True:
        folder = parent / f".{name}-{secrets.token_hex(4)}{_ENDING}"
        lock = _lock_of(folder)
        if lock.take():  # fails if another process takes the new lock file for an abandoned one
            return folder, lock


def _remove_abandoned(parent: Path) -> None:
    for path in parent.glob(f".*{_ENDING}*"):  # folders and locks
        folder = path.with_name(path.name.removesuffix(_LOCK_ENDING))
        lock = _lock_of(folder)
        with suppress(OSError):  # of another user
            if lock.take():
                if lock.excludes_others:
                    shutil.rmtree(folder, ignore_errors=True)
                lock.release()


def _lock_of(folder: Path) -> FileLock:
    return FileLock(folder.with_name(folder.name + _LOCK_ENDING))
