"""What several test processes need and one of them makes."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nnunetv2.foundation.file_lock import FileLock


def built_once(folders: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """Return a folder that the first process of this run that asks for it has filled; tests may not change it."""
    base = folders.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    lock = FileLock(folder.with_suffix(".lock"))
    while not lock.take():
        time.sleep(0.05)
    try:
        _fill(folder, build)
    finally:
        lock.release()
    return folder


def _fill(folder: Path, build: Callable[[Path], None]) -> None:
    """Fill a folder unless it is complete; what a failed attempt left is removed."""
    complete = folder.with_suffix(".complete")
    if not complete.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        build(folder)
        complete.touch()
