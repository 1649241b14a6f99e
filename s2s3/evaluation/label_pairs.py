"""Counts which label lies over which in a reference and a prediction: all that Dice, IoU and their like need.

One pass over both images. Labels come in runs, so mostly only the ends of runs are counted.
"""

from dataclasses import dataclass

import numpy as np

_PART = 1 << 16
"""Voxels counted at a time: their intermediate results stay in the processor's cache."""
_SHORT_RUN = 8
"""Below this mean length of runs, counting every voxel takes less time."""
_BYTE_VALUES = 256


@dataclass(frozen=True)
class LabelPairs:
    """The pairs of values that occur at the same voxels: three arrays (P,)."""

    reference: np.ndarray
    prediction: np.ndarray
    voxels: np.ndarray
    """Number of voxels with this pair, int64."""


def count_pairs(reference: np.ndarray, prediction: np.ndarray) -> LabelPairs:
    """Count the pairs of two images of the same shape, which may hold any numbers."""
    images = reference.ravel(), prediction.ravel()
    counts = _count_bytes(*images)
    if counts is None:
        return _count_any(*images)
    found = np.flatnonzero(counts)
    return LabelPairs(*np.divmod(found, _BYTE_VALUES), counts[found])


def _count_bytes(reference: np.ndarray, prediction: np.ndarray) -> np.ndarray | None:
    """Return how often each 256 * reference + prediction occurs; None if there are other values than 0 to 255."""
    counts = np.zeros(_BYTE_VALUES**2, np.int64)
    for start in range(0, reference.size, _PART):
        parts = [_as_bytes(image[start : start + _PART]) for image in (reference, prediction)]
        if parts[0] is None or parts[1] is None:
            return None
        part_counts = _count_part(parts[0], parts[1])
        counts[: len(part_counts)] += part_counts
    return counts


def _as_bytes(values: np.ndarray) -> np.ndarray | None:
    if values.dtype == np.uint8:
        return values
    with np.errstate(invalid="ignore"):
        whole = values.astype(np.uint8)
    return whole if np.array_equal(whole, values) else None


def _count_part(reference: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    changes = reference[1:] != reference[:-1]
    changes |= prediction[1:] != prediction[:-1]
    ends = np.append(np.flatnonzero(changes), reference.size - 1)
    if len(ends) * _SHORT_RUN > reference.size:
        return np.bincount(reference * np.uint16(_BYTE_VALUES) + prediction)
    codes = reference[ends] * np.uint16(_BYTE_VALUES) + prediction[ends]
    return np.bincount(codes, weights=np.diff(ends, prepend=-1)).astype(np.int64)


def _count_any(reference: np.ndarray, prediction: np.ndarray) -> LabelPairs:
    values, numbers = zip(*(np.unique(image, return_inverse=True) for image in (reference, prediction)), strict=True)
    codes, voxels = np.unique(numbers[0] * len(values[1]) + numbers[1], return_counts=True)
    pairs = np.divmod(codes, len(values[1]))
    return LabelPairs(values[0][pairs[0]], values[1][pairs[1]], voxels)
