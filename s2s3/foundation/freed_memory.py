"""How the C library keeps memory that was freed."""

import ctypes
import mmap
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Of mallopt, in malloc.h."""
_KEPT_BYTES, _KEPT_ARRAY_BYTES = 1 << 30, 1 << 27
_OLD_LIMIT = 1 << 25
"""The largest array that glibc before 2.36 keeps."""
_SELDOM_BYTES = 1 << 24
_is_kept = False


def keep_freed_memory() -> None:
    """Keep up to 1 GiB that was freed, in arrays below 128 MiB, for those of all threads; for the whole process.

    A network on the CPU makes the same arrays in every step. Otherwise the system takes their memory each time, and
    has to clear it again. Does nothing where the system has no such setting.
    """
    global _is_kept
    _is_kept = True
    if not _set(_MMAP_THRESHOLD, _KEPT_ARRAY_BYTES):
        _set(_MMAP_THRESHOLD, _OLD_LIMIT)
    _set(_TRIM_THRESHOLD, _KEPT_BYTES)
    _set(_ARENA_MAX, 1)


def return_kept_memory() -> None:
    """Give the memory that is kept now back to the system; does nothing where there is no such call."""
    if sys.platform == "linux":
        with suppress(AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)


def zeros_apart(shape: Sequence[int], dtype: "DTypeLike") -> "np.ndarray[Any, np.dtype[Any]]":
    """Return an array of zeros in pages of its own, which return to the system when it is freed.

    For what stays while other arrays come and go: in their midst it would divide the memory that they left, so that
    large ones do not fit there. Elsewhere than on Linux an array like any other. Raises MemoryError as numpy does.
    """
    import numpy as np

    number = prod(shape)
    if sys.platform != "linux" or not number:
        return np.zeros(shape, dtype)
    size = number * np.dtype(dtype).itemsize
    try:
        pages = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except (OSError, OverflowError):  # as an OSError it would look like a file that cannot be read
        raise MemoryError(f"Unable to allocate {size >> 20} MiB for an array of the shape {tuple(shape)}") from None
    return np.frombuffer(pages, dtype).reshape(shape)


@contextmanager
def returning_large_arrays() -> Iterator[None]:
    """Within it, arrays of 16 MiB or more return to the system when they are freed; afterwards `keep_freed_memory`.

    For large arrays that are seldom made, as a picture is: the next one would not fit where it was kept, since small
    things lie there by then, and kept memory would grow. It counts for all threads. Does nothing where freed memory
    is not kept.
    """
    if not _is_kept:
        yield
        return
    _set(_MMAP_THRESHOLD, _SELDOM_BYTES)
    try:
        yield
    finally:
        keep_freed_memory()


def _set(option: int, value: int) -> bool:
    """Set an option of the C library's memory; tell whether it took the value."""
    if sys.platform != "linux":
        return False
    try:
        return bool(ctypes.CDLL(None).mallopt(option, value))
    except AttributeError:  # another C library
        return False
