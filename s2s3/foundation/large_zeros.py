"""Arrays of zeros that may be larger than the memory: large ones lie in a temporary file."""

import errno
import os
import shutil
import tempfile
from math import prod
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike

from s1.files import blaming

LARGEST_IN_MEMORY = 2**28
_BYTES_AT_ONCE = 2**24


def large_zeros(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """Return an array as np.zeros does; beyond 256 MiB one in a file in TMPDIR, which is gone when the array is.

    Raises OSError, which names the folder, if the disk is full.
    """
    size = prod(shape) * np.dtype(dtype).itemsize
    if size <= LARGEST_IN_MEMORY:
        return np.zeros(shape, dtype)
    with (
        blaming(f"{tempfile.gettempdir()} (the folder for temporary files, TMPDIR)"),
        tempfile.TemporaryFile() as file,
    ):
        _reserve(file, size)
        return np.memmap(file, dtype, "r+", shape=shape)


def _reserve(file: IO[Any], size: int) -> None:
    """Take the place on the disk: without it, writing to the array would kill the process."""
    if shutil.disk_usage(tempfile.gettempdir()).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    for start in range(0, size, _BYTES_AT_ONCE):
        file.write(bytes(min(_BYTES_AT_ONCE, size - start)))
    file.flush()
