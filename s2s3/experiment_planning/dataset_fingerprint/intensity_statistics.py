"""Exact statistics of all foreground intensities of a channel, from the summaries of its cases.

Memory is bounded: counts for whole numbers; for floats the order statistics are found by counting the upper 16 bits of
all values, then the lower 16 bits of those that share the upper ones with a wanted value.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

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
    SpilledValues,
)

PERCENTILES = {"median": 50.0, "percentile_00_5": 0.5, "percentile_99_5": 99.5}
_CHUNK = 1 << 20


@dataclass
class ChannelStatistics:
    """Collects the summaries of one channel, case by case."""

    counted: CountedValues | None = None
    spilled: list[SpilledValues] = field(default_factory=list)

    def add(self, summary: IntensitySummary) -> None:
        """Take in the summary of one more case."""
        if isinstance(summary, CountedValues):
            self.counted = summary if self.counted is None else self.counted.merged(summary)
        elif summary is not None:
            self.spilled.append(summary)

    @property
    def is_empty(self) -> bool:
        """Whether no case so far has any foreground."""
        return self.counted is None and not self.spilled

    def moments(self) -> Moments:
        """Return the moments of all values."""
        parts = [part.moments for part in self.spilled]
        if self.counted is not None:
            parts.append(self.counted.moments())
        total = parts[0]
        for part in parts[1:]:
            total = total.merged(part)
        return total

    def properties(self) -> dict[str, float]:
        """Return the entry of the fingerprint: extremes, mean, population std, percentiles 0.5, 50, 99.5 (linear)."""
        moments = self.moments()
        positions = {name: q / 100 * (moments.count - 1) for name, q in PERCENTILES.items()}
        ranks = sorted({rank for position in positions.values() for rank in (int(position), int(np.ceil(position)))})
        value_at = dict(zip(ranks, self._order_statistics(ranks), strict=True))
        percentiles = {name: _interpolated(position, value_at) for name, position in positions.items()}
        return {
            "max": moments.highest,
            "mean": moments.mean,
            "min": moments.lowest,
            "std": float(np.sqrt(moments.squares / moments.count)),
            **percentiles,
        }

    def _order_statistics(self, ranks: Sequence[int]) -> list[float]:
        """Return the values at these positions (from 0) of the sorted row of all values."""
        if not self.spilled:
            assert self.counted is not None
            ends = np.cumsum(self.counted.counts)
            return [float(self.counted.lowest + np.searchsorted(ends, rank, side="right")) for rank in ranks]
        ends = np.cumsum(self._coarse_counts())
        bins = [int(np.searchsorted(ends, rank, side="right")) for rank in ranks]
        fine_counts = self._fine_counts(set(bins))
        values = []
        for rank, coarse in zip(ranks, bins, strict=True):
            inside = rank - (int(ends[coarse - 1]) if coarse else 0)
            fine = int(np.searchsorted(np.cumsum(fine_counts[coarse]), inside, side="right"))
            values.append(value_of(coarse << 16 | fine))
        return values

    def _coarse_counts(self) -> np.ndarray:
        total = np.zeros(COARSE_BINS, dtype=np.int64)
        for part in self.spilled:
            total += part.coarse_counts
        if self.counted is not None:
            total += _weighted_counts(coarse_bins(keys_of(self.counted.values())), self.counted.counts)
        return total

    def _fine_counts(self, bins: set[int]) -> dict[int, np.ndarray]:
        counts = {coarse: np.zeros(COARSE_BINS, dtype=np.int64) for coarse in bins}
        for keys, weights in self._keys_with_weights():
            coarse = coarse_bins(keys)
            for wanted, total in counts.items():
                inside = coarse == wanted
                total += _weighted_counts(fine_bins(keys[inside]), None if weights is None else weights[inside])
        return counts

    def _keys_with_weights(self) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        if self.counted is not None:
            yield keys_of(self.counted.values()), self.counted.counts
        for part in self.spilled:
            for chunk in _chunks(part):
                yield keys_of(chunk), None


def _weighted_counts(bins: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    return np.bincount(bins, weights, minlength=COARSE_BINS).astype(np.int64)


def _chunks(part: SpilledValues) -> Iterator[np.ndarray]:
    with part.file.open("rb") as stream:
        while (chunk := np.fromfile(stream, np.float32, _CHUNK)).size:
            yield chunk


def _interpolated(position: float, value_at: dict[int, float]) -> float:
    """Return the value between the two order statistics around a fractional position."""
    low = int(position)
    lower, upper = value_at[low], value_at[int(np.ceil(position))]
    return lower + (upper - lower) * (position - low)
