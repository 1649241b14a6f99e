"""Label images at lower resolution."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def halved(labels: Array) -> Array:
    """Return a label image of half the size, rounded down; each pixel is the most frequent label of its 2 x 2.

    Of equally frequent labels foreground wins over 0, then the smaller one.

    Parameters:
        labels: (height, width), unsigned integers.
    """
    height, width = labels.shape[0] // 2, labels.shape[1] // 2
    even = labels[: 2 * height, : 2 * width]
    if not even.size or (even == even[0, 0]).all():
        return np.array(even[:height, :width])
    last = even - np.array(1, labels.dtype)  # background becomes the largest value, so the order is that of preference
    lowest, second, third, highest = _sorted_of_four(last[::2, ::2], last[::2, 1::2], last[1::2, ::2], last[1::2, 1::2])
    chosen = np.where(third == highest, third, lowest)
    chosen = np.where(second == third, second, chosen)
    chosen = np.where(lowest == second, lowest, chosen)
    result: Array = chosen + np.array(1, labels.dtype)
    return result


def sampled(labels: Array, shape: tuple[int, int]) -> Array:
    """Return a label image of the given height and width; each pixel is the one that lies at its centre."""
    rows, columns = (
        np.minimum(((np.arange(new) + 0.5) * old / new).astype(np.int64), old - 1)
        for new, old in zip(shape, labels.shape, strict=True)
    )
    picked: Array = labels[np.ix_(rows, columns)]
    return picked


def _sorted_of_four(a: Array, b: Array, c: Array, d: Array) -> tuple[Array, Array, Array, Array]:
    """Return the smallest to the largest of four arrays, element by element."""
    low_ab, high_ab = np.minimum(a, b), np.maximum(a, b)
    low_cd, high_cd = np.minimum(c, d), np.maximum(c, d)
    lowest, high_of_lows = np.minimum(low_ab, low_cd), np.maximum(low_ab, low_cd)
    low_of_highs, highest = np.minimum(high_ab, high_cd), np.maximum(high_ab, high_cd)
    second, third = np.minimum(high_of_lows, low_of_highs), np.maximum(high_of_lows, low_of_highs)
    return lowest, second, third, highest
