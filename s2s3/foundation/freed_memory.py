"""How the C library keeps memory that was freed."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Of mallopt, in malloc.h."""
_BYTES = 1 << 18
_KEPT_BYTES, _KEPT_ARRAY_BYTES = 1 << 30, 1 << 27
_OLD_LIMIT = 1 << 25
"""The largest array that glibc before 2.36 keeps."""


def return_freed_memory() -> None:
    """Let arrays of 256 KiB or more return to the system when they are freed; for the whole process, for good.

    glibc otherwise raises this limit to 32 MiB by itself, and memory falls to pieces.
    Does nothing where the system has no such setting.
    """
    _set(_MMAP_THRESHOLD, _BYTES)


def keep_freed_memory() -> None:
    """Keep up to 1 GiB that was freed, in arrays below 128 MiB, for those of all threads; for the whole process.

    A network on the CPU makes the same arrays in every step. Otherwise the system takes their memory each time, and
    has to clear it again. Does nothing where the system has no such setting.
    """
    if not _set(_MMAP_THRESHOLD, _KEPT_ARRAY_BYTES):
        _set(_MMAP_THRESHOLD, _OLD_LIMIT)
    _set(_TRIM_THRESHOLD, _KEPT_BYTES)
    _set(_ARENA_MAX, 1)


def _set(option: int, value: int) -> bool:
    """Set an option of the C library's memory; tell whether it took the value."""
    if sys.platform != "linux":
        return False
    try:
        return bool(ctypes.CDLL(None).mallopt(option, value))
    except AttributeError:  # another C library
        return False
