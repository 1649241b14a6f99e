import numpy as np
import pytest

from s1.image_profile import MOST_SAMPLES, SCORE_BINS, SCORE_LIMIT, profile_image, sampled_pixels


@pytest.mark.parametrize("size", [(1, 1), (10, 20), (128, 128), (129, 128), (1000, 777), (1, 90_000), (3, 70_001)])
def test_the_number_of_samples_is_bounded_and_small_images_are_taken_whole(size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    pixels = sampled_pixels(image)
    assert pixels.shape[1] == 3
    assert min(MOST_SAMPLES / 4, size[0] * size[1]) <= len(pixels) <= MOST_SAMPLES
    if size[0] * size[1] <= MOST_SAMPLES:
        assert np.array_equal(pixels, image.reshape(-1, 3))


def test_grey_images_have_three_equal_channels():
    image = np.random.default_rng(0).integers(0, 256, (30, 30), np.uint8)
    assert np.array_equal(sampled_pixels(image), np.stack([image.ravel()] * 3, axis=1))
    profile = profile_image(image)
    assert np.array_equal(profile.value_shares[0], profile.value_shares[2])


def test_shares_of_values_and_scores_sum_to_one_and_scores_are_those_of_nnunet():
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    profile = profile_image(image)
    assert np.allclose(profile.value_shares.sum(axis=1), 1)
    assert np.allclose(profile.score_shares.sum(axis=1), 1)
    red = image[..., 0].astype(float)
    edges = np.linspace(-SCORE_LIMIT, SCORE_LIMIT, SCORE_BINS + 1)
    expected = np.histogram((red - red.mean()) / red.std(), edges)[0] / red.size
    assert np.allclose(profile.score_shares[0], expected)


def test_a_constant_image_has_finite_numbers_and_glass_no_stains():
    profile = profile_image(np.full((20, 20, 3), 255, np.uint8))
    assert profile.stains is None
    assert np.isfinite(profile.score_shares).all()
    assert profile_image(np.full((20, 20, 3), 100, np.uint8)).stains is not None
