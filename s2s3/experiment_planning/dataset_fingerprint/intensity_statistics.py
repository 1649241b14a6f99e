"""Exact statistics of the foreground intensities of a channel, from the summaries of its cases.

All foreground voxels count, and all cases count equally, however large their foreground is. nnU-Net's random sample,
which draws the same number of values from every case, converges to these numbers. Memory is bounded: whole numbers have
one weight per value; for floats, a percentile is found from the weights of the upper 16 bits of all values, then from
those of the lower 16 bits of the values that share its upper ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nnunetv2.experiment_planning.dataset_fingerprint.float_keys import (
    COARSE_BINS,
    coarse_bins,
    fine_bins,
    keys_of,
    value_of,
)
from nnunetv2.experiment_planning.dataset_fingerprint.intensity_summary import (
    CountedValues,
    IntensitySummary,
    Moments,
)

PERCENTILES = {"median": 50.0, "percentile_00_5": 0.5, "percentile_99_5": 99.5}
_CHUNK = 1 << 20
_ROUNDING = 1e-12
"""Relative rounding error of sums of weights, which must not decide between two values."""


@dataclass(frozen=True)
class WeightedValues:
    """Whole numbers: `weights[i]` is the weight of the value `lowest + i`."""

    lowest: int
    weights: np.ndarray

    def values(self) -> np.ndarray:
        """Return the value of each weight."""
        return np.arange(self.lowest, self.lowest + len(self.weights))

    def merged(self, other: "WeightedValues") -> "WeightedValues":
        """Return the sum of both."""
        lowest = min(self.lowest, other.lowest)
        end = max(self.lowest + len(self.weights), other.lowest + len(other.weights))
        weights = np.zeros(end - lowest)
        for part in (self, other):
            start = part.lowest - lowest
            weights[start : start + len(part.weights)] += part.weights
        return WeightedValues(lowest, weights)


@dataclass
class ChannelStatistics:
    """Collects the summaries of one channel, case by case; each case has the weight 1."""

    moments: list[Moments] = field(default_factory=list)
    counted: WeightedValues | None = None
    spilled: list[tuple[Path, float]] = field(default_factory=list)
    """Files of float32 values, and the weight of one value."""
    coarse_weights: np.ndarray = field(default_factory=lambda: np.zeros(COARSE_BINS))
    """Weight of the spilled values per coarse bin."""

    def add(self, summary: IntensitySummary) -> None:
        """Add the summary of one more case; a case without foreground adds nothing."""
        if summary is None:
            return
        self.moments.append(summary.moments)
        if isinstance(summary, CountedValues):
            case = WeightedValues(summary.lowest, summary.counts / summary.moments.count)
            self.counted = case if self.counted is None else self.counted.merged(case)
        else:
            self.spilled.append((summary.file, 1 / summary.moments.count))
            self.coarse_weights += summary.coarse_counts / summary.moments.count

    @property
    def is_empty(self) -> bool:
        """Whether no case so far has any foreground."""
        return not self.moments

    def properties(self) -> dict[str, float]:
        """Return the entry of the fingerprint: extremes, mean, population std, percentiles 0.5, 50 and 99.5."""
        means = np.array([case.mean for case in self.moments])
        variances = np.array([case.squares / case.count for case in self.moments])
        return {
            "max": max(case.highest for case in self.moments),
            "mean": float(means.mean()),
            "min": min(case.lowest for case in self.moments),
            "std": float(np.sqrt(variances.mean() + means.var())),
            **self._percentiles(),
        }

    def _percentiles(self) -> dict[str, float]:
        """Return, for each percentile, the smallest value with at least this share of the weight up to it."""
        targets = {name: percent / 100 * len(self.moments) for name, percent in PERCENTILES.items()}
        if not self.spilled:
            assert self.counted is not None
            values = self.counted.values()
            return {name: float(values[_reaching(self.counted.weights, t)[0]]) for name, t in targets.items()}
        places = {name: _reaching(self._all_coarse_weights(), target) for name, target in targets.items()}
        fine_weights = self._fine_weights({coarse for coarse, _ in places.values()})
        percentiles = {}
        for name, (coarse, below) in places.items():
            fine, _ = _reaching(fine_weights[coarse], targets[name] - below)
            percentiles[name] = value_of(coarse << 16 | fine)
        return percentiles

    def _all_coarse_weights(self) -> np.ndarray:
        if self.counted is None:
            return self.coarse_weights
        bins = coarse_bins(keys_of(self.counted.values()))
        return self.coarse_weights + np.bincount(bins, self.counted.weights, minlength=COARSE_BINS)

    def _fine_weights(self, bins: set[int]) -> dict[int, np.ndarray]:
        """Return the weights inside some coarse bins, reading the spilled values once."""
        totals = {coarse: np.zeros(COARSE_BINS) for coarse in bins}
        for keys, weights in self._keys_with_weights():
            coarse = coarse_bins(keys)
            for wanted, total in totals.items():
                inside = coarse == wanted
                total += np.bincount(fine_bins(keys[inside]), weights[inside], minlength=COARSE_BINS)
        return totals

    def _keys_with_weights(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        if self.counted is not None:
            yield keys_of(self.counted.values()), self.counted.weights
        for file, weight in self.spilled:
            for chunk in _chunks(file):
                yield keys_of(chunk), np.full(chunk.size, weight)


def _reaching(weights: np.ndarray, target: float) -> tuple[int, float]:
    """Return the first entry with weight at which the sum reaches `target`, and the sum before it."""
    present = np.flatnonzero(weights)
    sums = np.cumsum(weights[present])
    place = min(int(np.searchsorted(sums, target * (1 - _ROUNDING))), len(present) - 1)
    return int(present[place]), float(sums[place - 1]) if place else 0.0


def _chunks(file: Path) -> Iterator[np.ndarray]:
    with file.open("rb") as stream:
        while (chunk := np.fromfile(stream, np.float32, _CHUNK)).size:
            yield chunk
