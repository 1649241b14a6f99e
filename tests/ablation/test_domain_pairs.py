"""Drops of Dice and distances of features between domains."""

from typing import Any

import numpy as np
import pytest

from nnunetv2.ablation.domain_pairs import dice_drops, feature_distances
from nnunetv2.ablation.scored_groups import SCORES


def domain_of(case: str) -> str:
    return case[0]


def score(case: str, which: str, dice: float | None, features: list[float] | None = None) -> dict[str, Any]:
    content = dict.fromkeys(SCORES, 0.5) | {"case": case, "set": which, "dice": dice, "calibration": [[1, 1, 1]]}
    return content if features is None else content | {"features": features}


def test_the_drop_is_the_mean_dice_at_home_less_that_of_the_other_domain_over_seeds() -> None:
    first = [score("A1", "seen", 0.8), score("A2", "seen", 0.9), score("B1", "unseen", 0.6), score("C1", "unseen", 0.9)]
    second = [
        score("A1", "seen", 0.7),
        score("A2", "seen", 0.8),
        score("B1", "unseen", 0.4),
        score("C1", "unseen", 0.9),
    ]
    drops = dice_drops({("A", 0): {"scores": first}, ("A", 1): {"scores": second}}, domain_of)
    assert drops == pytest.approx({("A", "B"): 0.3, ("A", "C"): -0.1})


def test_cases_without_a_dice_are_left_out_and_pairs_without_any() -> None:
    scores = [score("A1", "seen", 0.8), score("B1", "unseen", None), score("B2", "unseen", 0.5)]
    assert dice_drops({("A", 0): {"scores": scores}}, domain_of) == pytest.approx({("A", "B"): 0.3})
    assert dice_drops({("A", 0): {"scores": scores[:2]}}, domain_of) == {}
    assert dice_drops({("A", 0): {"scores": scores[1:]}}, domain_of) == {}


def test_the_feature_distance_is_that_of_two_gaussians_in_units_of_their_spread() -> None:
    home, away = [[0.0, 1.0], [2.0, 1.0]], [[4.0, 1.0], [8.0, 1.0]]  # means 1 and 6, deviations 1 and 2
    scores = [score(f"A{i}", "seen", 1, f) for i, f in enumerate(home)]
    scores += [score(f"B{i}", "unseen", 1, f) for i, f in enumerate(away)]
    expected = np.sqrt((25 + 1) / np.var([0, 2, 4, 8]))
    assert feature_distances({("A", 0): {"scores": scores}}, domain_of) == pytest.approx({("A", "B"): expected})
    scaled = [entry | {"features": [100 * value for value in entry["features"]]} for entry in scores]
    assert feature_distances({("A", 0): {"scores": scaled}}, domain_of) == pytest.approx({("A", "B"): expected})


def test_results_without_features_have_no_feature_distance() -> None:
    scores = [score("A1", "seen", 1), score("B1", "unseen", 1, [])]
    assert feature_distances({("A", 0): {"scores": scores}}, domain_of) == {}
