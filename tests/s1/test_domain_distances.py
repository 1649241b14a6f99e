"""Every distance against a hand value or a second library."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from s1.domain_distances import domain_distances
from s1.prism_result import COLOUR, CONTRAST, STAINS, TEXTURE
from s1.stain_vectors import find_stains, optical_densities
from s1.texture_statistics import texture_statistics

NAMES = (COLOUR, STAINS, TEXTURE, CONTRAST)


def images(low, high, count=3, seed=0, size=(40, 50)):
    rng = np.random.default_rng(seed)
    return [rng.integers(low, high, (*size, 3), np.uint8) for _ in range(count)]


DOMAINS = {"a": images(20, 120), "b": images(60, 240, seed=1), "c": images(0, 256, count=5, seed=2)}


def test_every_pair_stands_once_under_every_distance_and_the_order_of_domains_changes_no_value():
    found = domain_distances(DOMAINS)
    assert tuple(found) == NAMES
    assert all(list(pairs) == [("a", "b"), ("a", "c"), ("b", "c")] for pairs in found.values())
    turned = domain_distances(dict(reversed(DOMAINS.items())))
    for name in NAMES:
        assert all(turned[name][b, a] == pytest.approx(value) for (a, b), value in found[name].items())
        assert min(found[name].values()) > 0


def test_the_same_images_have_no_distance():
    found = domain_distances({"a": DOMAINS["a"], "same": (image for image in DOMAINS["a"])})
    assert all(pairs["a", "same"] == pytest.approx(0, abs=1e-9) for pairs in found.values())


def test_the_colour_distance_is_the_wasserstein_distance_of_optical_densities():
    found = domain_distances(DOMAINS)[COLOUR]["a", "b"]
    first, second = (optical_densities(np.concatenate(DOMAINS[d])).reshape(-1, 3) for d in "ab")
    expected = np.mean([wasserstein_distance(first[:, c], second[:, c]) for c in range(3)])
    assert found == pytest.approx(expected, rel=1e-9)


def test_halving_the_light_is_a_colour_distance_of_log_two_and_no_contrast():
    bright = images(128, 256)
    dark = [((image.astype(int) + 1) // 2 - 1).astype(np.uint8) for image in [image | 1 for image in bright]]
    found = domain_distances({"a": [image | 1 for image in bright], "b": dark})
    assert found[COLOUR]["a", "b"] == pytest.approx(np.log(2), rel=1e-9)
    assert found[CONTRAST]["a", "b"] == pytest.approx(0, abs=0.02)


def test_the_contrast_distance_is_that_of_z_scored_images_up_to_its_bins():
    skewed = [(image.astype(float) ** 2 / 255).astype(np.uint8) for image in DOMAINS["c"]]
    found = domain_distances({"c": DOMAINS["c"], "skewed": skewed})[CONTRAST]["c", "skewed"]

    def scores(domain):
        scored = [(image - image.mean(axis=(0, 1))) / image.std(axis=(0, 1)) for image in domain]
        return np.concatenate(scored).reshape(-1, 3)

    first, second = scores(DOMAINS["c"]), scores(skewed)
    expected = np.mean([wasserstein_distance(first[:, c], second[:, c]) for c in range(3)])
    assert found == pytest.approx(expected, abs=0.02)


def test_the_stain_distance_is_the_mean_angle_plus_the_mean_difference_of_moments():
    red, blue = np.zeros((2, 30, 30, 3), np.uint8)
    light = np.random.default_rng(0).integers(40, 120, (30, 30))
    red[...], blue[...] = 255, 255
    red[..., 0], blue[..., 2] = light, light  # each absorbs one channel alone: a right angle, equal amounts
    assert domain_distances({"a": [red], "b": [blue]})[STAINS]["a", "b"] == pytest.approx(np.pi / 2)
    darker = red.copy()
    darker[..., 0] = (light + 1) // 2 - 1
    amounts = [find_stains(optical_densities(image.reshape(-1, 3))) for image in (red, darker)]
    moments = np.abs(amounts[0].as_row()[6:] - amounts[1].as_row()[6:]).mean()
    assert domain_distances({"a": [red], "b": [darker]})[STAINS]["a", "b"] == pytest.approx(moments, abs=1e-9)


def test_the_texture_distance_is_in_standard_deviations_over_all_images():
    statistics = {name: np.array([texture_statistics(image) for image in DOMAINS[name]]) for name in DOMAINS}
    spread = np.concatenate(list(statistics.values())).std(axis=0)
    scaled = (statistics["a"].mean(axis=0) - statistics["b"].mean(axis=0)) / spread
    found = domain_distances(DOMAINS)[TEXTURE]["a", "b"]
    assert found == pytest.approx(np.sqrt(np.mean(scaled**2)), rel=1e-6)


def test_a_domain_of_glass_has_no_stain_distance():
    found = domain_distances({"a": DOMAINS["a"], "glass": [np.full((20, 20, 3), 250, np.uint8)]})
    assert found[STAINS] == {}
    assert found[COLOUR]["a", "glass"] > 0


def test_grey_images_compare_with_colour_images():
    grey = [image[..., 0] for image in DOMAINS["a"]]
    assert all(
        np.isfinite(pairs["a", "grey"]) for pairs in domain_distances({"a": DOMAINS["a"], "grey": grey}).values()
    )
