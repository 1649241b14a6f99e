"""How the C library keeps memory that was freed."""

import ctypes
import sys

_MMAP_THRESHOLD = -3
"""Of mallopt, in malloc.h."""
_BYTES = 1 << 18


def return_freed_memory() -> None:
    """Let arrays of 256 KiB or more return to the system when they are freed; for the whole process, for good.

    glibc otherwise raises this limit to 32 MiB by itself, and memory falls to pieces.
    Does nothing where the system has no such setting.
    """
    if sys.platform != "linux":
        return
    try:
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _BYTES)
    except AttributeError:  # another C library
        return
