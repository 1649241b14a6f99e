"""Means of a plane that is converted to float32 piece by piece, equal to NumPy's of the whole to the last bit.

NumPy adds up values that follow each other in memory pairwise: it halves them, so that the first half is a multiple of
8, until few are left. Rows with a gap between them, as in a cropped array, are added in groups that fit its buffer.
"""

from collections.abc import Callable

import numpy as np

Rows = Callable[[int, int], np.ndarray]
"""(first, end) -> these rows of a plane, (end - first, width), as a new float32 array."""

_MOST_VALUES_AT_ONCE = 2**20
_UNROLLED = 8
_BUFFERED_VALUES = 8192


def mean_of_plane(rows: Rows, height: int, width: int, has_gaps: bool = False) -> np.float32:
    """Return what `mean()` returns for the whole plane as a float32 array (height, width) or (1, height, width).

    Parameters:
        has_gaps: whether the plane is cut out of a wider one.
    """
    count = height * width
    if has_gaps and height > 1 and width > 1:
        total = _sum_of_separate_rows(rows, height, width)
    else:
        total = _pairwise_sum(rows, width, 0, count)
    return np.float32(total / np.intp(count))


def _pairwise_sum(rows: Rows, width: int, first: int, end: int) -> np.float32:
    """Add up the values from number `first` to before number `end`, counted row by row."""
    count = end - first
    if count <= _MOST_VALUES_AT_ONCE:
        top = first // width
        values = rows(top, -(-end // width)).ravel()
        return np.float32(np.add.reduce(values[first - top * width : end - top * width]))
    middle = first + count // 2 // _UNROLLED * _UNROLLED
    return np.float32(_pairwise_sum(rows, width, first, middle) + _pairwise_sum(rows, width, middle, end))


def _sum_of_separate_rows(rows: Rows, height: int, width: int) -> np.float32:
    group = max(1, _BUFFERED_VALUES // width)
    step = group * max(1, _MOST_VALUES_AT_ONCE // (group * width))
    with_gaps = np.empty((step, width + 1), dtype=np.float32)
    total = np.float32(0)
    for top in range(0, height, step):
        end = min(height, top + step)
        part = with_gaps[: end - top, :width]
        part[...] = rows(top, end)
        total = np.float32(np.add.reduce(part, axis=None, initial=total))
    return total
