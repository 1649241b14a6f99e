"""Passes large arrays to another process through a temporary .npy file instead of pickling them through a pipe.

The receiver maps the file into memory, so an array is written once and never copied. Files go where `tempfile` puts
them (environment variable TMPDIR).
"""

import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from s1.files import blaming


@dataclass(frozen=True)
class HandedArray:
    """The file that carries an array to another process."""

    path: str


def hand_over(array: np.ndarray, folder: str | os.PathLike[str]) -> HandedArray:
    """Write `array` to a new file in `folder`; `take` removes the file."""
    handle, name = tempfile.mkstemp(dir=folder, suffix=".npy")
    try:
        with (
            blaming(f"{tempfile.gettempdir()} (the folder for temporary files, TMPDIR)"),
            os.fdopen(handle, "wb") as stream,
        ):
            np.save(stream, array, allow_pickle=False)
    except OSError:
        Path(name).unlink()
        raise
    return HandedArray(name)


def take(value: Any) -> Any:
    """Return the array of a HandedArray and remove its file; return any other value unchanged.

    Changes to the array stay in this process.
    """
    if not isinstance(value, HandedArray):
        return value
    array = np.load(value.path, mmap_mode="c")
    with suppress(PermissionError):  # an open file cannot be removed on Windows; the folder's owner does it later
        Path(value.path).unlink()
    return np.asarray(array)
