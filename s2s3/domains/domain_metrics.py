"""Statistics per domain: balanced mean, Dice from counts, bootstrap intervals (method, section 3)."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_DRAWS_AT_ONCE = 1_000_000


def balanced_mean(value_by_domain: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Return the sum of w_d * value_d over the domains with a value, their weights rescaled to sum to 1.

    Domains with NaN are left out; without any value the result is NaN. If no domain with a value has a weight (when a
    domain of ratio 0 is the only one that is validated), it is the plain mean.
    """
    values = {domain: value for domain, value in value_by_domain.items() if not math.isnan(value)}
    if not values:
        return math.nan
    known = {domain: weights.get(domain, 0.0) for domain in values}
    if not sum(known.values()) > 0:
        known = dict.fromkeys(values, 1.0)
    return math.fsum(known[domain] * values[domain] for domain in values) / math.fsum(known.values())


def dice_from_counts(tp: npt.ArrayLike, fp: npt.ArrayLike, fn: npt.ArrayLike) -> FloatArray:
    """Return 2 tp / (2 tp + fp + fn), elementwise; NaN where prediction and reference are both empty."""
    doubled = 2 * np.asarray(tp, dtype=np.float64)
    total = doubled + np.asarray(fp, dtype=np.float64) + np.asarray(fn, dtype=np.float64)
    dice = np.full(total.shape, np.nan)
    np.divide(doubled, total, out=dice, where=total > 0)
    return dice


def mean_without_nan(values: Sequence[float] | FloatArray) -> float:
    """Return the mean of the values that are not NaN; NaN if there are none."""
    finite = _known(values)
    return float(finite.mean()) if finite.size else math.nan


def bootstrap_interval(
    values: Sequence[float] | FloatArray, samples: int = 1000, level: float = 0.95, seed: int = 12345
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean over cases.

    Parameters:
        values: one number per case; NaN is left out. With fewer than two numbers the interval is (NaN, NaN).
        samples: resamples drawn with replacement.
        level: probability covered, in (0, 1).
    """
    known = _known(values)
    if known.size < 2:
        return math.nan, math.nan
    stream = np.random.default_rng(seed)
    rows = max(1, _DRAWS_AT_ONCE // known.size)
    means = [
        known[stream.integers(known.size, size=(min(rows, samples - done), known.size))].mean(axis=1)
        for done in range(0, samples, rows)
    ]
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _known(values: Sequence[float] | FloatArray) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    return array[~np.isnan(array)]
