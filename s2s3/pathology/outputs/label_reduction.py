"""Label images at lower resolution."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_PAIR_OF: dict[Any, Any] = {np.dtype(np.uint8): np.uint16, np.dtype(np.uint16): np.uint32}
"""Type as wide as two labels."""


def halved(labels: Array) -> Array:
    """Return a label image of half the size, rounded down; each pixel is the most frequent label of its 2 x 2.

    Of equally frequent labels foreground wins over 0, then the smaller one.

    Parameters:
        labels: (height, width), uint8 or uint16.
    """
    height, width = labels.shape[0] // 2, labels.shape[1] // 2
    pairs = np.ascontiguousarray(labels[: 2 * height, : 2 * width]).view(_PAIR_OF[labels.dtype])
    upper, lower = pairs[::2], pairs[1::2]
    first, second = _split(upper, labels.dtype)
    is_mixed = upper != lower
    is_mixed |= first != second
    mixed = np.unravel_index(np.flatnonzero(is_mixed), is_mixed.shape)  # much faster than np.nonzero of two axes
    if len(mixed[0]):
        third, fourth = _split(lower[mixed], labels.dtype)
        first[mixed] = _most_frequent(first[mixed], second[mixed], third, fourth)
    return first


def sampled(labels: Array, shape: tuple[int, int]) -> Array:
    """Return a label image of the given height and width; each pixel is the one that lies at its centre."""
    rows, columns = (
        np.minimum(((np.arange(new) + 0.5) * old / new).astype(np.int64), old - 1)
        for new, old in zip(shape, labels.shape, strict=True)
    )
    picked: Array = labels[np.ix_(rows, columns)]
    return picked


def _split(pairs: Array, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Return the two labels of each pair that was read as one number."""
    return pairs.astype(dtype), (pairs >> (8 * dtype.itemsize)).astype(dtype)


def _most_frequent(a: Array, b: Array, c: Array, d: Array) -> Array:
    """Return the most frequent of four labels, element by element, with the order of preference of `halved`."""
    one = np.array(1, a.dtype)
    lowest, second, third, highest = _sorted_of_four(a - one, b - one, c - one, d - one)  # 0 becomes the largest value
    chosen = np.where(third == highest, third, lowest)
    chosen = np.where(second == third, second, chosen)
    chosen = np.where(lowest == second, lowest, chosen)
    preferred: Array = chosen + one
    return preferred


def _sorted_of_four(a: Array, b: Array, c: Array, d: Array) -> tuple[Array, Array, Array, Array]:
    """Return the smallest to the largest of four arrays, element by element."""
    low_ab, high_ab = np.minimum(a, b), np.maximum(a, b)
    low_cd, high_cd = np.minimum(c, d), np.maximum(c, d)
    lowest, high_of_lows = np.minimum(low_ab, low_cd), np.maximum(low_ab, low_cd)
    low_of_highs, highest = np.minimum(high_ab, high_cd), np.maximum(high_ab, high_cd)
    second, third = np.minimum(high_of_lows, low_of_highs), np.maximum(high_of_lows, low_of_highs)
    return lowest, second, third, highest
