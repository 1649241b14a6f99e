import numpy as np
import pytest

from s1.stain_vectors import density_of_values, find_stains, optical_densities

HAEMATOXYLIN = np.array([0.650, 0.704, 0.286]) / np.linalg.norm([0.650, 0.704, 0.286])
EOSIN = np.array([0.072, 0.990, 0.105]) / np.linalg.norm([0.072, 0.990, 0.105])


def mixed(count=4000, seed=0):
    """Return amounts of pixels that have one stain or the other or both, and their optical densities."""
    rng = np.random.default_rng(seed)
    amounts = rng.uniform(0.5, 1.2, (count, 2))
    amounts[: count // 4, 0] = amounts[-count // 4 :, 1] = 0
    return amounts, amounts @ np.stack([HAEMATOXYLIN, EOSIN])


def test_optical_density_is_the_negative_logarithm_of_the_share_of_light():
    values = np.array([[0, 127, 255]], np.uint8)
    assert optical_densities(values) == pytest.approx(np.array([[np.log(256), np.log(2), 0.0]]))
    assert np.all(np.diff(density_of_values()) < 0)


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_the_two_stains_and_their_amounts_are_found_in_any_order_of_pixels(order):
    amounts, densities = mixed()
    stains = find_stains(densities[order])
    assert np.allclose(stains.vectors, [HAEMATOXYLIN, EOSIN], atol=1e-6)
    assert np.allclose(stains.amount_means, amounts.mean(axis=0), atol=1e-6)
    assert np.allclose(stains.amount_stds, amounts.std(axis=0), atol=1e-6)
    assert stains.as_row().shape == (10,)


def test_glass_counts_for_nothing():
    _, densities = mixed()
    with_glass = np.concatenate([densities, np.full((9000, 3), 0.05)])
    assert np.allclose(find_stains(with_glass).as_row(), find_stains(densities).as_row())


def test_an_image_of_glass_has_no_stains():
    assert find_stains(np.full((500, 3), 0.1)) is None
    assert find_stains(np.concatenate([np.full((500, 3), 0.1), np.full((15, 3), 1.0)])) is None


def test_one_colour_is_twice_the_same_stain_with_half_the_amount_each():
    strength = np.random.default_rng(0).uniform(0.5, 1.5, 400)
    stains = find_stains(strength[:, None] * np.ones(3) / np.sqrt(3))
    assert np.allclose(stains.vectors, 1 / np.sqrt(3), atol=1e-6)
    assert np.allclose(stains.amount_means, strength.mean() / 2)
