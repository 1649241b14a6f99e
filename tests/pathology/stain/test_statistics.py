"""Mean and covariance of optical densities, and changes towards those of another image."""

import numpy as np
import pytest
import torch

from nnunetv2.pathology.stain.optical_density import StainChange, optical_density
from nnunetv2.pathology.stain.statistics import StainStatistics
from tests.pathology.stain.test_augmentation import tissue


def pixels(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image.reshape(3, -1))


OWN = pixels(tissue(64))
OTHER = StainChange.of_stains([0.7, 1.3, 1.0], [0.05, 0.02, 0.0]).apply(OWN)


def test_optical_density_is_zero_for_white_and_log_256_for_black() -> None:
    expected = torch.tensor([0.0, float(np.log(2)), float(np.log(256))])
    torch.testing.assert_close(optical_density(torch.tensor([255.0, 127.0, 0.0])), expected)


def test_statistics_are_those_of_numpy() -> None:
    densities = -np.log((OWN.numpy().astype(float) + 1) / 256)
    found = StainStatistics.of_values(OWN)
    np.testing.assert_allclose(found.mean, densities.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found.covariance, np.cov(densities, bias=True) + 1e-4 * np.eye(3), rtol=1e-4, atol=1e-7)


def test_the_whole_way_ends_at_the_statistics_of_the_other_image() -> None:
    own, other = StainStatistics.of_values(OWN), StainStatistics.of_values(OTHER)
    densities = optical_density(OWN).double().numpy()
    change = own.change_towards(other, 1.0)
    moved = change.matrix @ densities + change.bias[:, None]
    np.testing.assert_allclose(moved.mean(axis=1), other.mean, atol=1e-6)
    np.testing.assert_allclose(np.cov(moved, bias=True), other.covariance, atol=2e-4)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5])
def test_a_part_of_the_way_has_that_part_of_the_difference_of_the_means(share: float) -> None:
    own, other = StainStatistics.of_values(OWN), StainStatistics.of_values(OTHER)
    change = own.change_towards(other, share)
    moved = change.matrix @ own.mean + change.bias
    np.testing.assert_allclose(moved, own.mean + share * (other.mean - own.mean), atol=1e-9)
    if share == 0:
        np.testing.assert_allclose(change.matrix, np.eye(3), atol=1e-9)


def test_an_image_of_one_colour_moves_without_growing_beyond_bounds() -> None:
    blank = StainStatistics.of_values(torch.full((3, 50), 240.0))
    change = blank.change_towards(StainStatistics.of_values(OTHER), 1.0)
    assert np.isfinite(change.matrix).all()
    assert np.abs(change.matrix).max() < 100
