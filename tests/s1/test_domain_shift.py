import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1.domain_shift import (
    CATEGORY,
    CONTRAST,
    MEAN,
    STD,
    Difference,
    DomainFeatures,
    default_class_weights,
    difference,
    feature_weights,
    mixing_ratios,
    pair_shift,
    pairs_of,
    relative_distance,
)

# category magnitude, category signed, mean, std, contrast -> ratio of a, shift, direction, gate, total, confidence
GOLDEN = [
    ((0, 0, 0, 0, 0), (0.5, 0.0, 0.0, 0.4865387253, 0.3543436938, 0.8564134168)),
    (
        (0.2, 0.1, -20, 5, 300),
        (0.5062749653, 0.0062749653, 0.0714617891, 0.5853911981, 0.4470836796, 0.8473556552),
    ),
    (
        (0.5, -0.5, 40, -10, -800),
        (0.4596560628, -0.0403439372, -0.3873598194, 0.694340425, 0.5708589439, 0.7300754028),
    ),
    (
        (1.2, 0.3, -80, 30, 2500),
        (0.5609139118, 0.0609139118, 0.5098187922, 0.7965433041, 0.7260555083, 0.9486108986),
    ),
]

features = st.builds(
    lambda shares, mean, std, contrast: DomainFeatures(
        1, {label: share / sum(shares) for label, share in enumerate(shares)}, mean, std, contrast
    ),
    st.lists(st.floats(0.01, 1), min_size=3, max_size=3),
    st.floats(0, 255),
    st.floats(0, 128),
    st.floats(0, 65025),
)
weights = default_class_weights([0, 1, 2])


@pytest.mark.parametrize(("given_values", "expected"), GOLDEN)
def test_results_match_the_golden_table(given_values, expected):
    magnitude, category, mean, std, contrast = given_values
    outcome = pair_shift(
        Difference(
            {CATEGORY: magnitude, MEAN: abs(mean), STD: abs(std), CONTRAST: abs(contrast)},
            {CATEGORY: category, MEAN: mean, STD: std, CONTRAST: contrast},
        )
    )
    ratio = mixing_ratios(["a", "b"], {("a", "b"): outcome.shift})["a"]
    measured = (
        ratio,
        outcome.shift,
        outcome.direction_gate,
        outcome.magnitude_gate,
        outcome.total_difference,
        outcome.confidence,
    )
    assert measured == pytest.approx(expected, abs=1e-9)


def test_differences_weigh_the_classes():
    a = DomainFeatures(1, {0: 0.5, 1: 0.3, 2: 0.2}, 100, 40, 300)
    b = DomainFeatures(1, {0: 0.2, 1: 0.5, 7: 0.3}, 120, 30, 100)
    result = difference(a, b, {0: 0.1, 1: 0.6, 2: 0.3})
    assert result.signed[CATEGORY] == pytest.approx(0.1 * 0.3 + 0.6 * -0.2 + 0.3 * 0.2 + 1.0 * -0.3)
    assert result.magnitudes[CATEGORY] == pytest.approx(0.1 * 0.3 + 0.6 * 0.2 + 0.3 * 0.2 + 1.0 * 0.3)
    assert [result.signed[f] for f in (MEAN, STD, CONTRAST)] == [-20, 10, 200]
    assert [result.magnitudes[f] for f in (MEAN, STD, CONTRAST)] == [20, 10, 200]


def test_without_masks_the_weight_of_the_classes_is_shared():
    a, b = DomainFeatures(1, None, 100, 40, 300), DomainFeatures(1, {1: 1.0}, 120, 30, 100)
    unscaled = difference(a, b, weights)
    assert set(unscaled.signed) == {MEAN, STD, CONTRAST}
    assert feature_weights(unscaled.signed) == pytest.approx({MEAN: 1 / 3, STD: 1 / 3, CONTRAST: 1 / 3})
    assert set(pair_shift(unscaled).importance) == {MEAN, STD, CONTRAST}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([0, 1, 2], {0: 0.1, 1: 0.6, 2: 0.3}),
        ([0, 1], {0: 0.1, 1: 0.9}),
        ([0, 1, 2, 3], {0: 0.1, 1: 0.3, 2: 0.3, 3: 0.3}),
        ([5, 6], {5: 0.45, 6: 0.45}),
        ([0], {0: 0.1}),
    ],
)
def test_default_class_weights(labels, expected):
    assert default_class_weights(labels) == pytest.approx(expected)


@given(features, features)
def test_swapping_a_pair_changes_only_the_signs_of_shift_and_directions(a, b):
    forth, back = pair_shift(difference(a, b, weights)), pair_shift(difference(b, a, weights))
    assert forth.shift == pytest.approx(-back.shift, abs=1e-15)
    assert forth.direction_gate == pytest.approx(-back.direction_gate, abs=1e-15)
    assert forth.directions == {name: -value for name, value in back.directions.items()}
    assert (forth.magnitudes, forth.importance, forth.confidence) == (back.magnitudes, back.importance, back.confidence)


@given(features, features)
def test_everything_stays_within_its_bounds(a, b):
    outcome = pair_shift(difference(a, b, weights))
    assert abs(outcome.shift) <= 0.15
    assert 0 <= outcome.confidence <= 1
    assert 0 <= outcome.magnitude_gate <= 1
    assert -1 <= outcome.direction_gate <= 1
    assert 0.354 < outcome.total_difference < 1
    assert 0 <= relative_distance(outcome.total_difference) + 1e-12 <= 1 + 1e-9


@given(st.lists(features, min_size=1, max_size=7))
def test_ratios_of_any_number_of_domains_sum_to_1_within_their_bounds(domains):
    named = {f"d{index}": domain for index, domain in enumerate(domains)}
    shifts = {(a, b): pair_shift(difference(named[a], named[b], weights)).shift for a, b in pairs_of(list(named))}
    ratios = mixing_ratios(list(named), shifts)
    count = len(named)
    assert sum(ratios.values()) == pytest.approx(1, abs=1e-12)
    assert list(ratios) == list(named)
    assert all(0.7 / count - 1e-12 <= ratio <= 1.3 / count + 1e-12 for ratio in ratios.values())


def test_two_domains_get_the_published_ratio_and_one_gets_all():
    assert mixing_ratios(["a", "b"], {("a", "b"): 0.04}) == pytest.approx({"a": 0.54, "b": 0.46})
    assert mixing_ratios(["a"], {}) == {"a": 1.0}


def test_three_domains_average_their_shifts():
    ratios = mixing_ratios(["a", "b", "c"], {("a", "b"): 0.1, ("a", "c"): 0.02, ("b", "c"): -0.06})
    assert ratios["a"] == pytest.approx((1 + 2 * (0.1 + 0.02) / 2) / 3)
    assert ratios["b"] == pytest.approx((1 + 2 * (-0.1 - 0.06) / 2) / 3)
    assert ratios["c"] == pytest.approx((1 + 2 * (-0.02 + 0.06) / 2) / 3)


def test_pairs_are_listed_once_in_the_order_of_the_domains():
    assert pairs_of(["z", "a", "m"]) == [("z", "a"), ("z", "m"), ("a", "m")]
