"""Boundary F1 and surface Dice."""

import math
import warnings

import numpy as np
import pytest
import torch
from scipy import ndimage

from nnunetv2.boundary.boundary_metrics import boundary_agreement, boundary_of


def square(first: int, size: int = 10, side: int = 30) -> np.ndarray:
    mask = np.zeros((side, side), bool)
    mask[10 : 10 + size, first : first + size] = True
    return mask


def test_a_boundary_is_one_pixel_thick_and_inside_the_mask() -> None:
    edge = boundary_of(square(5))
    assert edge.sum() == 4 * 10 - 4
    assert not (edge & ~square(5)).any()


def test_the_frame_of_the_picture_is_no_boundary() -> None:
    assert not boundary_of(np.ones((6, 6), bool)).any()
    half = np.zeros((6, 6), bool)
    half[:, :3] = True
    np.testing.assert_array_equal(np.argwhere(boundary_of(half))[:, 1], [2] * 6)


@pytest.mark.parametrize(("shift", "near_of_36"), [(0, 36), (1, 36), (2, 36), (3, 22)])
def test_elements_within_the_tolerance_are_near(shift: int, near_of_36: int) -> None:
    agreement = boundary_agreement(square(5 + shift), square(5), tolerance_px=2)
    assert (agreement.predicted, agreement.reference) == (36, 36)
    assert agreement.predicted_near == agreement.reference_near == near_of_36
    assert agreement.surface_dice == pytest.approx(near_of_36 / 36)
    assert agreement.boundary_f1 == pytest.approx(near_of_36 / 36)


def test_f1_is_the_harmonic_mean_of_both_shares_and_surface_dice_weighs_by_length() -> None:
    prediction = square(2) | square(18)
    agreement = boundary_agreement(prediction, square(2), tolerance_px=1)
    assert (agreement.predicted_near, agreement.predicted) == (36, 72)
    assert agreement.boundary_f1 == pytest.approx(2 * 0.5 * 1 / 1.5)
    assert agreement.surface_dice == pytest.approx((36 + 36) / (72 + 36))


def test_without_any_boundary_both_are_nan_and_with_one_only_they_are_zero() -> None:
    empty = np.zeros((30, 30), bool)
    neither = boundary_agreement(empty, empty, 2)
    assert math.isnan(neither.boundary_f1)
    assert math.isnan(neither.surface_dice)
    for pair in ((square(5), empty), (empty, square(5))):
        assert boundary_agreement(*pair, 2).boundary_f1 == 0
        assert boundary_agreement(*pair, 2).surface_dice == 0


def test_ignored_pixels_and_their_neighbours_are_not_judged() -> None:
    ignored = np.zeros((30, 30), bool)
    ignored[:, 15:] = True
    agreement = boundary_agreement(square(2) | square(18), square(2), 1, ignored)
    assert agreement.predicted == agreement.predicted_near == 36


def test_surface_dice_equals_that_of_monai() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from monai.metrics import compute_surface_dice

        stream = np.random.default_rng(0)
        for tolerance in (0.0, 1.0, 2.5):
            reference = blob(stream, 3)
            prediction = ndimage.binary_dilation(reference) ^ blob(stream, 2)
            pair = (torch.from_numpy(mask[None, None]).float() for mask in (prediction, reference))
            expected = float(compute_surface_dice(*pair, [tolerance], include_background=True))
            assert boundary_agreement(prediction, reference, tolerance).surface_dice == pytest.approx(
                expected, abs=1e-6
            )


def blob(stream: np.random.Generator, sigma: float) -> np.ndarray:
    """A random mask that does not touch the frame, which MONAI counts as boundary."""
    inner = ndimage.gaussian_filter(stream.normal(size=(60, 70)), sigma) > 0.03
    return np.pad(inner, 5)
