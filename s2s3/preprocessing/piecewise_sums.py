"""Means of planes that are converted to float32 piece by piece, equal to NumPy's of the whole to the last bit.

NumPy adds up values that follow each other in memory pairwise: it halves them, so that the first half is a multiple of
8, until few are left. Rows with a gap between them, as in a cropped array, are added in groups that fit its buffer.
"""

from collections.abc import Callable

import numpy as np

Rows = Callable[[int, int], np.ndarray]
"""(first, end) -> these rows of all channels, (C, end - first, width), as a new float32 array."""

_MOST_VALUES_AT_ONCE = 2**20
_UNROLLED = 8
_BUFFERED_VALUES = 8192


def mean_of_plane(rows: Rows, height: int, width: int, has_gaps: bool = False) -> np.ndarray:
    """Return for each channel, (C,), what `mean()` returns for the whole plane as a float32 array (height, width).

    Parameters:
        has_gaps: whether the planes are cut out of a wider one.
    """
    count = height * width
    if has_gaps and height > 1 and width > 1:
        totals = np.array(_sums_of_separate_rows(rows, height, width))
    else:
        totals = _pairwise_sums(rows, width, 0, count)
    return np.array([np.float32(total / np.intp(count)) for total in totals])


def _pairwise_sums(rows: Rows, width: int, first: int, end: int) -> np.ndarray:
    """Add up the values of each channel from number `first` to before number `end`, counted row by row."""
    count = end - first
    if count <= _MOST_VALUES_AT_ONCE:
        top = first // width
        channels = rows(top, -(-end // width))
        values = channels.reshape(len(channels), -1)[:, first - top * width : end - top * width]
        return np.array([np.add.reduce(channel) for channel in values])
    middle = first + count // 2 // _UNROLLED * _UNROLLED
    return np.asarray(_pairwise_sums(rows, width, first, middle) + _pairwise_sums(rows, width, middle, end))


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
