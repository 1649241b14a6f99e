"""The nine numbers of an image's colours."""

import numpy as np
import pytest

from nnunetv2.errors import CheckpointError
from nnunetv2.pathology.stain.colour_features import NUM_FEATURES, colour_features
from nnunetv2.pathology.stain.intensities_entry import FIXED, IMAGE_RANGE, PROPERTY, Z_SCORES, intensities_entry


def properties(image: np.ndarray, scheme: str = Z_SCORES) -> dict[str, object]:
    return {PROPERTY: intensities_entry(image, scheme)}


def tissue(strength: float = 1.0, side: int = 32) -> np.ndarray:
    """(3, 1, side, side) values 0 to 255 of random amounts of two stains."""
    stream = np.random.default_rng(0)
    density = np.tensordot(np.array([[0.65, 0.07], [0.70, 0.99], [0.29, 0.11]]), stream.random((2, side, side)), 1)
    return (256 * np.exp(-strength * (0.1 + density)) - 1).clip(0, 255)[:, None].astype(np.float32)


def test_an_even_image_has_its_optical_density_and_no_variance() -> None:
    image = np.broadcast_to(np.array([255.0, 127.0, 63.0], np.float32)[:, None, None, None], (3, 1, 8, 8))
    found = colour_features(None, properties(image))
    assert found is not None
    assert found.shape == (NUM_FEATURES,)
    np.testing.assert_allclose(found[:3], [0, np.log(2), np.log(4)], atol=1e-6)
    np.testing.assert_allclose(found[3:], np.log(1e-4) * np.array([1, 0, 0, 1, 0, 1]), atol=1e-6)


def test_twice_the_stain_adds_the_same_to_the_logarithm_whatever_the_strength_was() -> None:
    weak, plain, strong = (colour_features(None, properties(tissue(s))) for s in (0.6, 1.2, 2.4))
    assert weak is not None
    assert plain is not None
    assert strong is not None
    np.testing.assert_allclose(plain[:3], 2 * weak[:3], rtol=0.02)
    diagonal = [3, 6]  # red and green, which vary in every direction much more than the least variance
    np.testing.assert_allclose((plain - weak)[diagonal], (strong - plain)[diagonal], atol=0.25)


def test_the_normalisation_does_not_matter() -> None:
    image = tissue()
    by_scores, by_range = (colour_features(None, properties(image, scheme)) for scheme in (Z_SCORES, IMAGE_RANGE))
    fixed = colour_features(image / 255, properties(image, FIXED))
    assert by_scores is not None
    assert by_range is not None
    assert fixed is not None
    np.testing.assert_array_equal(by_range, by_scores)
    np.testing.assert_allclose(fixed, by_scores, rtol=1e-3, atol=1e-3)


def test_cases_that_nnunet_preprocessed_have_unknown_colours() -> None:
    assert colour_features(np.zeros((3, 1, 4, 4)), {}) is None


def test_a_damaged_entry_is_refused() -> None:
    with pytest.raises(CheckpointError, match="damaged"):
        colour_features(np.zeros((3, 1, 4, 4)), {PROPERTY: {"offset": [1.0] * 3}})
