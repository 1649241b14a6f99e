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
from s1.free_memory import available_bytes

LARGEST_IN_MEMORY = 2**28
_SHARE_OF_MEMORY = 0.8
"""Of what is left, where the disk is full."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
_BYTES_AT_ONCE = 2**24


def large_zeros(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """Return an array as np.zeros does; beyond 256 MiB one in a file in TMPDIR, which is gone when the array is.

    Where the disk has no room for it, it is in memory. Raises OSError, which names the folder, if that is too small.
    """
    size = prod(shape) * np.dtype(dtype).itemsize
    if size <= LARGEST_IN_MEMORY:
        return np.zeros(shape, dtype)
    try:
        return _zeros_in_a_file(shape, dtype, size)
    except OSError as error:
        if error.errno not in _FULL or size > _SHARE_OF_MEMORY * (available_bytes() or 0):
            raise
    return np.zeros(shape, dtype)


def _zeros_in_a_file(shape: tuple[int, ...], dtype: DTypeLike, size: int) -> np.ndarray:
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
