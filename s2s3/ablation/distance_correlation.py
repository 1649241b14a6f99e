"""Which distance between domains predicts how much Dice a model loses: Spearman's rank correlation over ordered pairs.

Intervals come from resampling pairs. Pairs that share a domain are not independent, so they are rather too narrow.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nnunetv2.ablation.bootstrap import SAMPLES, SEED, interval
from nnunetv2.ablation.domain_pairs import OrderedPairs
from nnunetv2.ablation.scored_groups import FloatArray
from s1.prism_result import COLOUR, PrismResult

ENCODER = "encoder_features"
SHIFT, TOTAL = "published_shift", "published_total_difference"
BASELINE = COLOUR
"""What a distance has to beat."""
FEWEST_PAIRS = 3
_UNKNOWN = (math.nan, math.nan)


@dataclass(frozen=True)
class Correlation:
    """How well a distance orders the pairs by their drop."""

    distance: str
    pairs: int
    rho: float
    """Spearman's, from -1 to 1; NaN if the distance is the same for all pairs."""
    interval: tuple[float, float] = _UNKNOWN
    above_baseline: float = math.nan
    """rho less that of BASELINE on the same pairs; NaN for BASELINE itself."""
    above_interval: tuple[float, float] = _UNKNOWN


def distances_of(prism: PrismResult) -> dict[str, OrderedPairs]:
    """Return name -> (a, b) -> distance, each pair in both orders: the published score, then those of the images."""
    published = {
        SHIFT: {(pair.a, pair.b): abs(pair.outcome.shift) for pair in prism.pairs},
        TOTAL: {(pair.a, pair.b): pair.outcome.total_difference for pair in prism.pairs},
    }
    named = published | prism.distances
    return {name: {**pairs, **{(b, a): v for (a, b), v in pairs.items()}} for name, pairs in named.items()}


def correlate(drops: OrderedPairs, distances: Mapping[str, OrderedPairs]) -> list[Correlation]:
    """Return the correlation of each distance with the drops, on the pairs that have both; the highest first.

    Distances with fewer than three such pairs are left out.
    """
    found = []
    for name, values in distances.items():
        pairs = [pair for pair in drops if pair in values]
        if len(pairs) >= FEWEST_PAIRS:
            found.append(_correlation(name, pairs, drops, values, distances.get(BASELINE, {})))
    return sorted(found, key=lambda entry: -math.inf if math.isnan(entry.rho) else entry.rho, reverse=True)


def _correlation(
    name: str, pairs: list[tuple[str, str]], drops: OrderedPairs, values: OrderedPairs, baseline: OrderedPairs
) -> Correlation:
    drawn = _draw(len(pairs))
    drop, distance = (np.array([numbers[pair] for pair in pairs])[drawn] for numbers in (drops, values))
    rhos = rank_correlation(distance, drop)
    if name == BASELINE or not all(pair in baseline for pair in pairs):
        return Correlation(name, len(pairs), float(rhos[0]), _interval(rhos))
    above = rhos - rank_correlation(np.array([baseline[pair] for pair in pairs])[drawn], drop)
    return Correlation(name, len(pairs), float(rhos[0]), _interval(rhos), float(above[0]), _interval(above))


def rank_correlation(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return Spearman's rho (K,) between the rows of two arrays (K, n), NaN where a row of either is constant."""
    from scipy.stats import rankdata

    ranks = [rankdata(values, axis=1) for values in (a, b)]
    first, second = (r - r.mean(axis=1, keepdims=True) for r in ranks)
    size = np.sqrt(np.square(first).sum(axis=1) * np.square(second).sum(axis=1))
    rho = np.full(len(size), np.nan)
    return np.divide((first * second).sum(axis=1), size, out=rho, where=size > 0)


def _draw(count: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Return positions of pairs (1 + SAMPLES, count): all once in the first row, then drawn with replacement."""
    samples = np.random.default_rng(SEED).integers(0, count, (SAMPLES, count))
    return np.vstack([np.arange(count), samples])


def _interval(values: FloatArray) -> tuple[float, float]:
    return _UNKNOWN if math.isnan(values[0]) else interval(values)
