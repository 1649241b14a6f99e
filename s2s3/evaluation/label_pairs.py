"""Counts which label lies over which in a reference and a prediction: all that Dice, IoU and their like need.

One pass over both images, which need not be in memory as a whole. Labels come in runs, so mostly only the ends of runs
are counted.
"""

from dataclasses import dataclass

import numpy as np

_PART = 1 << 16
"""Voxels counted at a time: their intermediate results stay in the processor's cache."""
_SHORT_RUN = 8
"""Below this mean length of runs, counting every voxel takes less time."""
_BYTE_VALUES = 256
_PARTS_KEPT = 64
"""Counts of parts with other values than bytes, until they are joined."""


@dataclass(frozen=True)
class LabelPairs:
    """The pairs of values that occur at the same voxels: three arrays (P,)."""

    reference: np.ndarray
    prediction: np.ndarray
    voxels: np.ndarray
    """Number of voxels with this pair, int64."""


class PairCounter:
    """Counts the pairs of two images that are given part by part; keeps the counts only."""

    def __init__(self) -> None:
        self._bytes = np.zeros(_BYTE_VALUES**2, np.int64)
        self._others: list[LabelPairs] = []

    def add(self, reference: np.ndarray, prediction: np.ndarray) -> None:
        """Count two parts of the same shape, which may hold any numbers."""
        images = reference.ravel(), prediction.ravel()
        for start in range(0, reference.size, _PART):
            self._add_part(*(image[start : start + _PART] for image in images))

    def pairs(self) -> LabelPairs:
        """Return what was counted, ascending."""
        found = np.flatnonzero(self._bytes)
        of_bytes = LabelPairs(*np.divmod(found, _BYTE_VALUES), self._bytes[found])
        return _merged([*([of_bytes] if len(found) else []), *self._others]) if self._others else of_bytes

    def _add_part(self, reference: np.ndarray, prediction: np.ndarray) -> None:
        in_bytes = _as_bytes(reference), _as_bytes(prediction)
        if in_bytes[0] is not None and in_bytes[1] is not None:
            counts = _count_part(in_bytes[0], in_bytes[1])
            self._bytes[: len(counts)] += counts
            return
        self._others.append(_merged([LabelPairs(reference, prediction, np.ones(reference.size, np.int64))]))
        if len(self._others) >= _PARTS_KEPT:
            self._others = [_merged(self._others)]


def count_pairs(reference: np.ndarray, prediction: np.ndarray) -> LabelPairs:
    """Count the pairs of two images of the same shape, which may hold any numbers."""
    counter = PairCounter()
    counter.add(reference, prediction)
    return counter.pairs()


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


def _merged(parts: list[LabelPairs]) -> LabelPairs:
    """Return each pair once, ascending, with the sum of its voxels."""
    reference, prediction, voxels = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("reference", "prediction", "voxels")
    )
    values, numbers = zip(*(np.unique(image, return_inverse=True) for image in (reference, prediction)), strict=True)
    codes, place = np.unique(numbers[0] * len(values[1]) + numbers[1], return_inverse=True)
    sums = np.zeros(len(codes), np.int64)
    np.add.at(sums, place, voxels)
    pairs = np.divmod(codes, len(values[1]))
    return LabelPairs(values[0][pairs[0]], values[1][pairs[1]], sums)
