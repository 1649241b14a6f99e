"""Figures of a candidate with paired bootstrap intervals.

A figure is first a mean over the test cases of each domain, then a mean (or the worst) over domains. A bootstrap sample
draws seeds with replacement and, apart from them, the cases of every domain with replacement. A case that is drawn
counts under every drawn seed and in every part: all of them judge the same image, so more seeds do not make more
images. A candidate and its reference share seeds and cases, and each sample is taken of both, so the interval is that
of a paired comparison.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnunetv2.ablation.scored_groups import FloatArray, Group

SAMPLES = 2000
LEVEL = 0.95
SEED = 12345

IntArray = npt.NDArray[np.int64]
Weights = Sequence[FloatArray]
"""Per group (1 + samples, seeds x cases): how often each score counts; in the first row all count once."""
Statistic = Callable[[Sequence[Group], Weights], FloatArray]
"""Returns (1 + samples,)."""


@dataclass(frozen=True)
class Figure:
    """A number of the table and, for all but the reference, its difference from the reference with an interval."""

    value: float
    difference: float = math.nan
    interval: tuple[float, float] = (math.nan, math.nan)

    @property
    def is_certain(self) -> bool:
        """Tell whether the interval of the difference leaves out zero."""
        low, high = self.interval
        return low > 0 or high < 0


def compare(groups: Sequence[Group], reference: Sequence[Group] | None, samples: int = SAMPLES) -> dict[str, Figure]:
    """Return all figures of a candidate, and their differences from a reference with the same seeds and cases."""
    weights = draw_weights(groups, samples if reference is not None else 0)
    figures = {}
    for name, statistic in STATISTICS.items():
        values = statistic(groups, weights)
        if reference is None:
            figures[name] = Figure(float(values[0]))
            continue
        differences = values - statistic(reference, weights)
        figures[name] = Figure(float(values[0]), float(differences[0]), interval(differences))
    return figures


def interval(values: FloatArray) -> tuple[float, float]:
    """Return the ends of the interval of a statistic (1 + samples,), whose first value is of the data itself.

    Samples in which it is unknown (NaN) are left out; (NaN, NaN) if it is so in all.
    """
    known = values[1:][~np.isnan(values[1:])]
    if not known.size:
        return math.nan, math.nan
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def draw_weights(groups: Sequence[Group], samples: int) -> list[FloatArray]:
    """Return how often each seed and case of each group counts in the data itself and in each bootstrap sample."""
    stream = np.random.default_rng(SEED)
    seeds = groups[0].shape[0]
    times_seed = stream.multinomial(seeds, np.full(seeds, 1 / seeds), size=samples)
    times_case = _draw_cases(groups, samples, stream)
    weights = []
    for group in groups:
        of_group = np.stack([times_case[case] for case in group.cases], axis=1)
        drawn = (times_seed[:, :, None] * of_group[:, None]).reshape(samples, seeds * len(group.cases))
        weights.append(np.vstack([np.ones(drawn.shape[1]), drawn]).astype(np.float64))
    return weights


def _draw_cases(groups: Sequence[Group], samples: int, stream: np.random.Generator) -> dict[str, IntArray]:
    """Return case -> how often it is drawn in each sample, from the cases of its domain in all parts."""
    members: dict[str, dict[str, None]] = {}
    for group in groups:
        members.setdefault(group.domain, {}).update(dict.fromkeys(group.cases))
    drawn: dict[str, IntArray] = {}
    for cases in members.values():
        times = stream.multinomial(len(cases), np.full(len(cases), 1 / len(cases)), size=samples)
        drawn.update(zip(cases, times.T, strict=True))
    return drawn


def mean_over_domains(score: str) -> Statistic:
    """Return the mean over domains of a score."""
    return lambda groups, weights: _nanmean(_domain_means(groups, weights, score))


def worst_domain(score: str) -> Statistic:
    """Return the lowest domain mean of a score."""
    return lambda groups, weights: np.asarray(np.fmin.reduce(_domain_means(groups, weights, score), axis=0))


def domain_gap(score: str) -> Statistic:
    """Return the best minus the worst domain mean of a score."""
    return lambda groups, weights: np.ptp(_domain_means(groups, weights, score), axis=0)


def calibration_error(groups: Sequence[Group], weights: Weights) -> FloatArray:
    """Return the mean over domains of the expected calibration error of all their pixels."""
    bins: dict[str, FloatArray] = {}
    for group, times in zip(groups, weights, strict=True):
        pooled = np.tensordot(times, group.calibration.reshape(times.shape[1], -1, 3), axes=1)
        bins[group.domain] = bins.get(group.domain, 0.0) + pooled
    wrong = np.stack([np.abs(b[..., 1] - b[..., 2]).sum(axis=1) for b in bins.values()])
    return _nanmean(_ratio(wrong, np.stack([b[..., 0].sum(axis=1) for b in bins.values()])))


STATISTICS: Mapping[str, Statistic] = {
    "dice_mean": mean_over_domains("dice"),
    "dice_worst": worst_domain("dice"),
    "dice_gap": domain_gap("dice"),
    "boundary_f1": mean_over_domains("boundary_f1"),
    "surface_dice": mean_over_domains("surface_dice"),
    "false_positive_share": mean_over_domains("false_positive_share"),
    "calibration_error": calibration_error,
}


def domain_means(groups: Sequence[Group], score: str) -> dict[str, float]:
    """Return domain -> mean of a score over its cases, parts and seeds; cases without a score are left out."""
    means = _domain_means(groups, draw_weights(groups, samples=0), score)[:, 0]
    return dict(zip(dict.fromkeys(group.domain for group in groups), map(float, means), strict=True))


def _domain_means(groups: Sequence[Group], weights: Weights, score: str) -> FloatArray:
    """Return (domains, 1 + samples)."""
    sums: dict[str, FloatArray] = {}
    for group, times in zip(groups, weights, strict=True):
        values = group.scores[score].ravel()
        columns = np.stack([np.nan_to_num(values), ~np.isnan(values)], axis=1)
        sums[group.domain] = sums.get(group.domain, 0.0) + times @ columns
    totals = np.stack(list(sums.values()))
    return _ratio(totals[..., 0], totals[..., 1])


def _ratio(values: FloatArray, counts: FloatArray) -> FloatArray:
    """Return values / counts, NaN for counts of 0."""
    ratio = np.full(values.shape, np.nan)
    np.divide(values, counts, out=ratio, where=counts > 0)
    return ratio


def _nanmean(values: FloatArray) -> FloatArray:
    known = ~np.isnan(values)
    counts = known.sum(axis=0)
    return np.where(counts > 0, np.nansum(values, axis=0) / np.maximum(counts, 1), np.nan)
