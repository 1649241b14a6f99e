"""Statistics per domain, checked by hand and against scipy."""

import math

import numpy as np
import pytest
from scipy.stats import bootstrap

from nnunetv2.domains.domain_metrics import balanced_mean, bootstrap_interval, dice_from_counts, mean_without_nan

NAN = math.nan


@pytest.mark.parametrize(
    ("values", "ratios", "expected"),
    [
        ({"A": 0.8, "B": 0.4}, {"A": 0.75, "B": 0.25}, 0.7),
        ({"A": 0.8, "B": NAN}, {"A": 0.75, "B": 0.25}, 0.8),
        ({"A": 0.8, "B": 0.4}, {"A": 0.2, "B": 0.2, "C": 0.6}, 0.6),
        ({"C": 0.9, "D": 0.5}, {"A": 0.5, "B": 0.5}, 0.7),
    ],
)
def test_balanced_mean_weighs_the_domains_that_have_a_value(
    values: dict[str, float], ratios: dict[str, float], expected: float
) -> None:
    assert balanced_mean(values, ratios) == pytest.approx(expected)


def test_balanced_mean_of_nothing_is_nan() -> None:
    assert math.isnan(balanced_mean({"A": NAN}, {"A": 1.0}))
    assert math.isnan(balanced_mean({}, {"A": 1.0}))


def test_dice_is_nan_only_where_prediction_and_reference_are_empty() -> None:
    dice = dice_from_counts([3, 0, 0], [1, 0, 5], [1, 0, 0])

    np.testing.assert_array_equal(dice, [0.75, NAN, 0.0])


def test_mean_without_nan_of_nothing_is_nan() -> None:
    assert mean_without_nan([NAN, 2.0, 4.0]) == 3.0
    assert math.isnan(mean_without_nan([NAN]))


def test_interval_agrees_with_scipy() -> None:
    values = np.random.default_rng(3).beta(8, 2, size=60)
    ours = bootstrap_interval(values, samples=20_000)

    theirs = bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", random_state=1).confidence_interval

    assert ours == pytest.approx((theirs.low, theirs.high), abs=2e-3)


def test_interval_leaves_out_nan_and_is_reproducible() -> None:
    values = [0.5, 0.7, NAN, 0.9, 0.8]

    assert bootstrap_interval(values) == bootstrap_interval([0.5, 0.7, 0.9, 0.8])
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)


def test_interval_of_many_cases_needs_little_memory_and_is_narrow() -> None:
    low, high = bootstrap_interval(np.tile([0.0, 1.0], 30_000), samples=200)

    assert 0.49 < low < 0.5 < high < 0.51


@pytest.mark.parametrize("values", [[], [0.5], [NAN, 0.5]])
def test_fewer_than_two_cases_give_no_interval(values: list[float]) -> None:
    assert all(math.isnan(bound) for bound in bootstrap_interval(values))
