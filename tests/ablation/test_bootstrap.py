"""Figures of candidates and their paired intervals."""

import math
from dataclasses import replace

import numpy as np
import pytest

from nnunetv2.ablation.bootstrap import Figure, compare, domain_means, draw_weights
from nnunetv2.ablation.scored_groups import SCORES, Group, group_scores, with_little_foreground


def group(domain: str, dice: list[list[float]], part: str = "p", foreground: float = 0.2) -> Group:
    values = np.array(dice)
    scores = {name: values for name in SCORES} | {"foreground_share": np.full(values.shape, foreground)}
    calibration = np.zeros((*values.shape, 2, 3))
    calibration[..., 1, :] = (10, 9, 8)
    return Group(part, domain, tuple(f"{domain}{i}" for i in range(values.shape[1])), scores, calibration)


GROUPS = [group("A", [[0.8, 0.6], [1.0, math.nan]]), group("B", [[0.5], [0.7]])]


def test_domain_means_leave_out_cases_without_a_score_and_pool_seeds_and_parts() -> None:
    assert domain_means(GROUPS, "dice") == pytest.approx({"A": 0.8, "B": 0.6})
    pooled = domain_means([*GROUPS, group("B", [[0.9], [0.9]], part="q")], "dice")
    assert pooled == pytest.approx({"A": 0.8, "B": 0.75})


def test_figures_are_means_and_extremes_over_domains() -> None:
    figures = compare(GROUPS, None)
    assert figures["dice_mean"].value == pytest.approx(0.7)
    assert figures["dice_worst"].value == pytest.approx(0.6)
    assert figures["dice_gap"].value == pytest.approx(0.2)
    assert figures["calibration_error"].value == pytest.approx(0.1)
    assert math.isnan(figures["dice_mean"].interval[0])


def test_figures_of_cases_without_any_score_or_judged_pixel_are_unknown() -> None:
    unknown = group("A", [[math.nan, math.nan]])
    unknown = replace(unknown, calibration=np.zeros_like(unknown.calibration))
    figures = compare([unknown], None)
    assert all(math.isnan(figures[name].value) for name in ("dice_mean", "dice_worst", "calibration_error"))
    known = group("B", [[0.5]])
    assert compare([unknown, known], None)["calibration_error"].value == pytest.approx(0.1)


def test_a_constant_gain_has_an_interval_of_that_gain_alone() -> None:
    better = [group("A", [[0.85, 0.65], [1.05, math.nan]]), group("B", [[0.55], [0.75]])]
    figure = compare(better, GROUPS)["dice_mean"]
    assert (figure.difference, *figure.interval) == pytest.approx((0.05, 0.05, 0.05))
    assert figure.is_certain


def test_no_gain_is_not_certain() -> None:
    figure = compare(GROUPS, GROUPS)["dice_worst"]
    assert (figure.difference, *figure.interval) == (0, 0, 0)
    assert not figure.is_certain


def test_the_interval_of_one_seed_is_that_of_the_mean_over_cases() -> None:
    gains = np.random.default_rng(0).normal(0.01, 0.1, 400)
    base = group("A", [np.full(400, 0.5).tolist()])
    low, high = compare([group("A", [(0.5 + gains).tolist()])], [base])["dice_mean"].interval
    spread = 1.96 * gains.std() / math.sqrt(400)
    assert (low, high) == pytest.approx((gains.mean() - spread, gains.mean() + spread), abs=0.002)


def test_seeds_are_drawn_too() -> None:
    seeds = [[0.1] * 50, [0.9] * 50]
    figure = compare([group("A", seeds)], [group("A", [[0.0] * 50] * 2)])["dice_mean"]
    assert figure.interval == pytest.approx((0.1, 0.9))


def test_more_seeds_or_parts_do_not_make_more_images() -> None:
    gains = np.random.default_rng(0).normal(0.01, 0.1, 60)
    dice, base = (0.5 + gains).tolist(), np.full(60, 0.5).tolist()
    once = compare([group("A", [dice])], [group("A", [base])])["dice_mean"]
    of_seeds = compare([group("A", [dice] * 3)], [group("A", [base] * 3)])["dice_mean"]
    parts = [[group("A", [values], part=part) for part in "pqr"] for values in (dice, base)]
    of_parts = compare(*parts)["dice_mean"]
    for found in (of_seeds, of_parts):
        assert found.interval == pytest.approx(once.interval, abs=0.003)


def test_every_bootstrap_sample_draws_the_same_cases_under_all_seeds() -> None:
    for group_weights, cases in zip(draw_weights(GROUPS, 20), (2, 1), strict=True):
        assert group_weights.shape == (21, 2 * cases)
        np.testing.assert_array_equal(group_weights.sum(axis=1), 2 * cases)
        first, second = np.split(group_weights, 2, axis=1)
        np.testing.assert_array_equal(
            first * second.sum(axis=1, keepdims=True), second * first.sum(axis=1, keepdims=True)
        )


def test_images_of_little_foreground_are_chosen_by_their_reference() -> None:
    few = group("A", [[0.1, 0.2]], foreground=0.04)
    chosen = with_little_foreground([few, *GROUPS])
    assert [(g.domain, g.cases) for g in chosen] == [("A", few.cases)]


def test_results_are_grouped_by_part_and_domain_with_missing_scores_as_nan() -> None:
    def result(dice: float | None) -> dict:
        score = {name: 0.5 for name in SCORES} | {"dice": dice, "calibration": [[1, 1, 1]]}
        return {"scores": [{"case": "A1", "set": "unseen", **score}, {"case": "B1", "set": "seen", **score}]}

    found = group_scores({("A", 1): result(None), ("A", 0): result(0.7)}, lambda case: case[0], "unseen")
    assert [(g.part, g.domain, g.cases) for g in found] == [("A", "A", ("A1",))]
    np.testing.assert_array_equal(found[0].scores["dice"], [[0.7], [math.nan]])


def test_an_interval_on_either_side_of_zero_is_certain() -> None:
    assert Figure(1, 0.1, (0.01, 0.2)).is_certain
    assert Figure(1, -0.1, (-0.2, -0.01)).is_certain
    assert not Figure(1, 0.1, (-0.01, 0.2)).is_certain
    assert not Figure(1).is_certain
