"""Means of planes that are converted to float32 piece by piece, equal to NumPy's of the whole to the last bit.

NumPy adds up values that follow each other in memory pairwise: it halves them, so that the first half is a multiple of
8, until few are left. Rows with a gap between them, as in a cropped array, are added in groups that fit its buffer.
Before version 2.3 it adds up all values in groups that fill its buffer, whether there are gaps or not.
"""

from collections.abc import Callable

import numpy as np

Rows = Callable[[int, int], np.ndarray]
"""(first, end) -> these rows of all channels, (C, end - first, width), as a new float32 array."""

_MOST_VALUES_AT_ONCE = 2**20
_UNROLLED = 8
_BUFFERED_VALUES = 8192
_ADDS_UP_BUFFERS = np.lib.NumpyVersion(np.__version__) < "2.3.0"


def mean_of_plane(rows: Rows, height: int, width: int, has_gaps: bool = False) -> np.ndarray:
    """Return for each channel, (C,), what `mean()` returns for the whole plane as a float32 array (height, width).

    Parameters:
        has_gaps: whether the planes are cut out of a wider one.
    """
    count = height * width
    if _ADDS_UP_BUFFERS:
        totals = np.array(_sums_of_buffers(rows, width, count))
    elif has_gaps and height > 1 and width > 1:
        totals = np.array(_sums_of_separate_rows(rows, height, width))
    else:
        totals = _pairwise_sums(rows, width, 0, count)
    return np.array([np.float32(total / np.intp(count)) for total in totals])


def _pairwise_sums(rows: Rows, width: int, first: int, end: int) -> np.ndarray:
    """Add up the values of each channel from number `first` to before number `end`, counted row by row."""
    count = end - first
    if count <= _MOST_VALUES_AT_ONCE:
        return np.array([np.add.reduce(channel) for channel in _values(rows, width, first, end)])
    middle = first + count // 2 // _UNROLLED * _UNROLLED
    return np.asarray(_pairwise_sums(rows, width, first, middle) + _pairwise_sums(rows, width, middle, end))


def _values(rows: Rows, width: int, first: int, end: int) -> np.ndarray:
    """Return values number `first` to before number `end` of each channel, counted row by row, (C, end - first)."""
    top = first // width
    channels = rows(top, -(-end // width))
    return channels.reshape(len(channels), -1)[:, first - top * width : end - top * width]


def _sums_of_buffers(rows: Rows, width: int, count: int) -> list[np.float32]:
    step = _BUFFERED_VALUES * max(1, _MOST_VALUES_AT_ONCE // _BUFFERED_VALUES)
    totals = [np.float32(0)] * len(rows(0, 1))
    for first in range(0, count, step):
        for number, channel in enumerate(_values(rows, width, first, min(count, first + step))):
            totals[number] = np.float32(np.add.reduce(channel, initial=totals[number]))
    return totals


def _sums_of_separate_rows(rows: Rows, height: int, width: int) -> list[np.float32]:
    group = max(1, _BUFFERED_VALUES // width)
    step = group * max(1, _MOST_VALUES_AT_ONCE // (group * width))
    with_gaps = np.empty((step, width + 1), dtype=np.float32)
    totals = [np.float32(0)] * len(rows(0, 1))
    for top in range(0, height, step):
        end = min(height, top + step)
        part = with_gaps[: end - top, :width]
        for number, channel in enumerate(rows(top, end)):
            part[...] = channel
            totals[number] = np.float32(np.add.reduce(part, axis=None, initial=totals[number]))
    return totals
