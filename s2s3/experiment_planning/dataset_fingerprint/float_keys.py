"""float32 values as unsigned integers of the same order, so that percentiles can be counted instead of sorted."""

import numpy as np

COARSE_BINS = 1 << 16
"""Bins of the coarse counts: the upper 16 bits of a key. The lower 16 bits distinguish the values of a bin."""


def keys_of(values: np.ndarray) -> np.ndarray:
    """Return uint32 keys that sort like the float32 `values`; NaN is not allowed."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    negative = (bits >> 31).astype(bool)
    return np.where(negative, ~bits, bits | np.uint32(0x80000000))


def value_of(key: int) -> float:
    """Return the float32 value of a key."""
    key32 = np.uint32(key)
    bits = key32 & np.uint32(0x7FFFFFFF) if key32 >> np.uint32(31) else ~key32
    return float(np.array(bits, dtype=np.uint32).view(np.float32))


def coarse_bins(keys: np.ndarray) -> np.ndarray:
    """Return the coarse bin of each key."""
    return (keys >> np.uint32(16)).astype(np.intp)


def fine_bins(keys: np.ndarray) -> np.ndarray:
    """Return the place of each key inside its coarse bin."""
    return (keys & np.uint32(0xFFFF)).astype(np.intp)
