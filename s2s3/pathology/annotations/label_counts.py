"""How often the numbers of an image occur."""

import numpy as np

from nnunetv2.pathology.annotations.outlines import Array

_COUNTED_AT_ONCE = 2**20
"""Pixels; counting takes eight bytes for each."""


def occurrences(image: Array, length: int) -> Array:
    """Return how often each number from 0 to `length` - 1 occurs in an image of no others, (length,)."""
    numbers, counts = image.ravel(), np.zeros(length, np.int64)
    for first in range(0, len(numbers), _COUNTED_AT_ONCE):
        counts += np.bincount(numbers[first : first + _COUNTED_AT_ONCE], minlength=length)
    return counts
