"""Spearman's correlation against scipy, and its intervals."""

import math
from itertools import permutations

import numpy as np
import pytest
from scipy.stats import spearmanr

from nnunetv2.ablation.distance_correlation import BASELINE, SHIFT, TOTAL, correlate, distances_of, rank_correlation
from s1.domain_comparison import compare_domains
from s1.domain_shift import DomainFeatures

PAIRS = list(permutations("ABCD", 2))


def test_the_rank_correlation_equals_scipy_also_with_ties() -> None:
    stream = np.random.default_rng(0)
    a, b = stream.normal(size=(40, 12)), stream.integers(0, 5, (40, 12)).astype(float)
    assert rank_correlation(a, b) == pytest.approx([spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)])


def test_a_constant_row_has_no_correlation() -> None:
    assert math.isnan(rank_correlation(np.ones((1, 4)), np.arange(4.0)[None])[0])


def test_a_distance_that_orders_the_drops_has_one_and_an_interval_of_one() -> None:
    drops = {pair: float(i) for i, pair in enumerate(PAIRS)}
    (found,) = correlate(drops, {"perfect": {pair: i**2 for pair, i in drops.items()}})
    assert (found.rho, *found.interval, found.pairs) == pytest.approx((1, 1, 1, 12))
    assert math.isnan(found.above_baseline)


def test_the_highest_stands_first_beside_its_lead_over_the_colour_distance() -> None:
    stream = np.random.default_rng(1)
    drops = {pair: float(i) for i, pair in enumerate(PAIRS)}
    noisy = {pair: i + stream.normal() * 3 for pair, i in drops.items()}
    distances = {
        BASELINE: noisy,
        "turned": {pair: -i for pair, i in drops.items()},
        "perfect": drops,
        "flat": dict.fromkeys(PAIRS, 1.0),
    }
    found = correlate(drops, distances)
    assert [entry.distance for entry in found] == ["perfect", BASELINE, "turned", "flat"]
    rho = spearmanr(list(noisy.values()), list(drops.values())).statistic
    assert found[1].rho == pytest.approx(rho)
    assert found[1].interval[0] < rho < found[1].interval[1] <= 1
    assert found[0].above_baseline == pytest.approx(1 - rho)
    assert found[0].above_interval[0] >= 0
    assert math.isnan(found[3].rho)
    assert repr(correlate(drops, distances)) == repr(found), "as text, since NaN equals nothing"


def test_pairs_without_a_distance_are_left_out_and_fewer_than_three_give_nothing() -> None:
    drops = {pair: float(i) for i, pair in enumerate(PAIRS)}
    some = dict(list(drops.items())[:5])
    found = correlate(drops, {"some": some, "two": dict(list(drops.items())[:2])})
    assert [(entry.distance, entry.pairs) for entry in found] == [("some", 5)]


def test_the_published_score_and_the_distances_of_the_images_count_in_both_orders() -> None:
    features = {
        name: DomainFeatures(3, {0: 0.5, 1: 0.5}, value, 10.0, 100.0) for name, value in (("A", 90.0), ("B", 140.0))
    }
    prism = compare_domains(features, distances={"texture": {("A", "B"): 2.5}})
    found = distances_of(prism)
    outcome = prism.pairs[0].outcome
    assert outcome.shift < 0
    assert found == {
        SHIFT: {("A", "B"): -outcome.shift, ("B", "A"): -outcome.shift},
        TOTAL: {("A", "B"): outcome.total_difference, ("B", "A"): outcome.total_difference},
        "texture": {("A", "B"): 2.5, ("B", "A"): 2.5},
    }
