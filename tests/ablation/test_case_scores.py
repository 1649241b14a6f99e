"""The scores of one test image."""

import math

import numpy as np
import pytest

from nnunetv2.ablation.case_scores import CALIBRATION_BINS, score_case

REFERENCE = np.zeros((1, 20, 20), np.uint8)
REFERENCE[0, 4:14, 4:14] = 1


def probabilities_of(labels: np.ndarray, confidence: float = 0.9) -> np.ndarray:
    foreground = np.where(labels == 1, confidence, 1 - confidence)
    return np.stack([1 - foreground, foreground])


def test_a_perfect_prediction() -> None:
    scores = score_case(REFERENCE, probabilities_of(REFERENCE, 0.9), REFERENCE, [1])
    assert (scores.dice, scores.boundary_f1, scores.surface_dice, scores.false_positive_share) == (1, 1, 1, 0)
    assert scores.foreground_share == pytest.approx(0.25)
    pixels, confidence, right = np.sum(scores.calibration, axis=0)
    assert (pixels, right) == (400, 400)
    assert confidence == pytest.approx(360)


def test_wrong_foreground_counts_as_false_positive_area_and_wrong_confidence() -> None:
    prediction = REFERENCE.copy()
    prediction[0, 16:20, 0:5] = 1
    scores = score_case(prediction, probabilities_of(prediction, 0.8), REFERENCE, [1])
    assert scores.false_positive_share == pytest.approx(20 / 400)
    assert scores.dice == pytest.approx(200 / 220)
    assert np.sum(scores.calibration, axis=0)[2] == 380
    assert len(scores.calibration) == CALIBRATION_BINS


def test_pixels_with_the_ignore_label_are_not_judged() -> None:
    reference = REFERENCE.copy()
    reference[0, 16:20] = 7
    prediction = REFERENCE.copy()
    prediction[0, 17:20, 0:5] = 1
    scores = score_case(prediction, probabilities_of(prediction), reference, [1], ignore_label=7)
    assert (scores.dice, scores.boundary_f1, scores.false_positive_share) == (1, 1, 0)
    assert np.sum(scores.calibration, axis=0)[0] == 320


def test_an_image_without_foreground_has_no_dice_but_false_positives() -> None:
    empty = np.zeros_like(REFERENCE)
    scores = score_case(REFERENCE, probabilities_of(REFERENCE), empty, [1])
    assert scores.dice == 0
    assert scores.false_positive_share == pytest.approx(0.25)
    nothing = score_case(empty, probabilities_of(empty), empty, [1])
    assert math.isnan(nothing.dice)
    assert nothing.to_dict()["dice"] is None


def test_regions_are_judged_one_by_one() -> None:
    regions = [(1, 2), (2,)]
    reference = REFERENCE.copy()
    reference[0, 4:8, 4:14] = 2
    probabilities = np.stack([np.where(reference > 0, 0.9, 0.2), np.where(reference == 2, 0.9, 0.2)])
    scores = score_case(reference, probabilities, reference, regions)
    assert scores.dice == 1
    assert tuple(np.sum(scores.calibration, axis=0)[[0, 2]]) == (800, 800)
