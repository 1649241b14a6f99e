import numpy as np
import pytest
from scipy.ndimage import zoom

from nnunetv2.preprocessing.resampling.axis_resizing import cardinal_spline, nearest_samples, resize, sample_positions


def resized_by_scipy(image: np.ndarray, shape: tuple[int, ...], order: int) -> np.ndarray:
    factors = [new / old for new, old in zip(shape, image.shape, strict=True)]
    result = zoom(image.astype(float), factors, order=order, mode="nearest", grid_mode=True)
    return result.clip(image.min(), image.max())


SHAPES = [
    ((9, 14, 11), (5, 30, 11)),
    ((1, 40, 37), (1, 55, 90)),
    ((70, 3, 5), (200, 4, 1)),
    ((12, 9), (1, 33)),
    ((2, 2, 2), (7, 5, 2)),
    ((150,), (97,)),
]


@pytest.mark.parametrize("order", [0, 1, 2, 3])
@pytest.mark.parametrize(("old", "new"), SHAPES)
def test_resizing_equals_scipy(old: tuple[int, ...], new: tuple[int, ...], order: int) -> None:
    image = np.random.default_rng(0).normal(size=old)
    np.testing.assert_allclose(resize(image, new, order), resized_by_scipy(image, new, order), rtol=0, atol=1e-12)


def test_float32_results_are_rounded_results_of_scipy() -> None:
    image = np.random.default_rng(1).normal(size=(20, 31, 42)).astype(np.float32)
    result = resize(image, (27, 20, 55), 3)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, resized_by_scipy(image, (27, 20, 55), 3), rtol=0, atol=2.4e-7)


def test_linear_results_in_half_precision_equal_scipy() -> None:
    image = np.random.default_rng(2).normal(scale=8, size=(12, 18, 15)).astype(np.float16)
    result = resize(image, (19, 25, 30), 1)
    np.testing.assert_array_equal(result, resized_by_scipy(image, (19, 25, 30), 1).astype(np.float16))


def test_results_stay_in_the_range_of_the_input_by_default() -> None:
    step = np.repeat([0.0, 1.0], 10)
    assert resize(step, (37,), 3).max() == 1
    assert resize(step, (37,), 3, clip=False).max() > 1.01


def test_the_type_of_the_result_can_be_chosen() -> None:
    assert resize(np.arange(5, dtype=np.int16), (8,), 1, dtype=np.float32).dtype == np.float32


def test_the_cardinal_spline_is_1_at_0_and_0_at_other_whole_numbers() -> None:
    np.testing.assert_allclose(cardinal_spline(np.arange(-6.0, 7.0)), np.arange(-6, 7) == 0, atol=1e-15)


def test_the_weights_of_the_cardinal_spline_sum_to_1() -> None:
    positions = np.linspace(0, 1, 7)[:, None] - np.arange(-40, 42)
    np.testing.assert_allclose(cardinal_spline(positions).sum(axis=1), 1, atol=1e-14)


def test_samples_are_spread_evenly_over_the_axis() -> None:
    np.testing.assert_allclose(sample_positions(8, 4), [0.5, 2.5, 4.5, 6.5])
    np.testing.assert_allclose(sample_positions(4, 8)[:3], [-0.25, 0.25, 0.75])


def test_the_upper_of_two_equally_near_samples_is_taken() -> None:
    assert nearest_samples(26, 13).tolist() == list(range(1, 26, 2))
    assert nearest_samples(2, 4).tolist() == [0, 0, 1, 1]
