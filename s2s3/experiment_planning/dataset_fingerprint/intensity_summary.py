"""Summary of the foreground intensities of one case in one channel: small, and enough for exact statistics.

Whole numbers of moderate size are counted per value. All other values are written to a file of raw float32 values; the
summary then contains their coarse counts and their moments.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnunetv2.experiment_planning.dataset_fingerprint.float_keys import COARSE_BINS, coarse_bins, keys_of

LARGEST_COUNTED_VALUE = 1 << 17
"""Whole numbers beyond this, positive or negative, are treated like other floats."""
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Moments:
    """Number, mean and sum of squared differences from the mean of a set of values, and its extremes."""

    count: int
    mean: float
    squares: float
    lowest: float
    highest: float

    def merged(self, other: "Moments") -> "Moments":
        """Return the moments of both sets together (Chan, Golub and LeVeque 1979)."""
        count = self.count + other.count
        shift = other.mean - self.mean
        return Moments(
            count,
            self.mean + shift * other.count / count,
            self.squares + other.squares + shift**2 * self.count * other.count / count,
            min(self.lowest, other.lowest),
            max(self.highest, other.highest),
        )


@dataclass(frozen=True)
class CountedValues:
    """Whole numbers: `counts[i]` times the value `lowest + i`."""

    lowest: int
    counts: np.ndarray
    moments: Moments


@dataclass(frozen=True)
class SpilledValues:
    """Float values in a file of raw float32."""

    file: Path
    coarse_counts: np.ndarray
    moments: Moments


IntensitySummary = CountedValues | SpilledValues | None
"""None: the case has no foreground."""


def summarize_intensities(values: np.ndarray, spill_file: Path) -> IntensitySummary:
    """Summarize the foreground values (1D, finite) of one channel of a case; only floats go to `spill_file`."""
    if values.size == 0:
        return None
    lowest, highest = float(values.min()), float(values.max())
    if lowest >= -LARGEST_COUNTED_VALUE and highest <= LARGEST_COUNTED_VALUE:
        whole = values.astype(np.int32)
        if np.array_equal(whole, values):
            return _count(whole, int(lowest))
    return _spill(values.astype(np.float32, copy=False), spill_file)


def _count(whole: np.ndarray, lowest: int) -> CountedValues:
    counts = np.bincount(whole - lowest)
    values = np.arange(lowest, lowest + len(counts), dtype=np.float64)
    mean = float(counts @ values) / whole.size
    moments = Moments(whole.size, mean, float(counts @ (values - mean) ** 2), float(lowest), float(values[-1]))
    return CountedValues(lowest, counts, moments)


def _spill(values: np.ndarray, spill_file: Path) -> SpilledValues:
    with spill_file.open("wb") as stream:  # unlike `tofile`, this tells why writing fails
        stream.write(np.ascontiguousarray(values).data)
    coarse = np.zeros(COARSE_BINS, dtype=np.int64)
    moments = None
    for start in range(0, values.size, _CHUNK):
        chunk = values[start : start + _CHUNK]
        coarse += np.bincount(coarse_bins(keys_of(chunk)), minlength=COARSE_BINS)
        part = _moments_of(chunk.astype(np.float64))
        moments = part if moments is None else moments.merged(part)
    assert moments is not None
    return SpilledValues(spill_file, coarse, moments)


def _moments_of(values: np.ndarray) -> Moments:
    mean = float(values.mean())
    squares = float(np.square(values - mean).sum())
    return Moments(values.size, mean, squares, float(values.min()), float(values.max()))
