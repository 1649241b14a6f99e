"""How the C library keeps memory that was freed."""

import ctypes
import sys

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
"""Of mallopt, in malloc.h."""
_BYTES = 1 << 18
_KEPT_BYTES, _KEPT_ARRAY_BYTES = 1 << 30, 1 << 26


def return_freed_memory() -> None:
    """Let arrays of 256 KiB or more return to the system when they are freed; for the whole process, for good.

    glibc otherwise raises this limit to 32 MiB by itself, and memory falls to pieces.
    Does nothing where the system has no such setting.
    """
    _set(_MMAP_THRESHOLD, _BYTES)


def keep_freed_memory() -> None:
    """Keep up to 1 GiB that was freed, in arrays below 64 MiB, for the next ones; for the whole process, for good.

    A training on the CPU makes the same arrays in every step. Otherwise the system takes their memory each time, and
    has to clear it again. Does nothing where the system has no such setting.
    """
    if not _set(_MMAP_THRESHOLD, _KEPT_ARRAY_BYTES):
        _set(_MMAP_THRESHOLD, _KEPT_ARRAY_BYTES // 2)  # the most that glibc takes before 2.36
    _set(_TRIM_THRESHOLD, _KEPT_BYTES)


def _set(option: int, value: int) -> bool:
    """Set an option of the C library's memory; tell whether it took the value."""
    if sys.platform != "linux":
        return False
    try:
        return bool(ctypes.CDLL(None).mallopt(option, value))
    except AttributeError:  # another C library
        return False
