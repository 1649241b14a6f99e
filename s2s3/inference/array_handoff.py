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
    axes: tuple[int, ...] | None = None
    """Order of the axes of the array in the file; None: as they are."""


def hand_over(array: np.ndarray, folder: str | os.PathLike[str], as_in_memory: bool = False) -> HandedArray:
    """Write `array` to a new file in `folder`; `take` removes the file.

    Parameters:
        as_in_memory: whether the receiver gets values in the order of this array's memory instead of C order. Those of
            a view of interleaved colours would be written one by one otherwise.
    """
    axes = tuple(sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))) if as_in_memory else None
    handle, name = tempfile.mkstemp(dir=folder, suffix=".npy")
    try:
        with (
            blaming(f"{tempfile.gettempdir()} (the folder for temporary files, TMPDIR)"),
            os.fdopen(handle, "wb") as stream,
        ):
            np.save(stream, array if axes is None else array.transpose(axes), allow_pickle=False)
    except OSError:
        Path(name).unlink()
        raise
    return HandedArray(name, axes)


def take(value: Any) -> Any:
    """Return the array of a HandedArray and remove its file; return any other value unchanged.

    Changes to the array stay in this process.
    """
    if not isinstance(value, HandedArray):
        return value
    array = np.load(value.path, mmap_mode="c")
    with suppress(PermissionError):  # an open file cannot be removed on Windows; the folder's owner does it later
        Path(value.path).unlink()
    taken = np.asarray(array)
    return taken if value.axes is None else taken.transpose(np.argsort(value.axes))
