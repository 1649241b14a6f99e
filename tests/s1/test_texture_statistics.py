import numpy as np
import pytest
from scipy.ndimage import laplace
from skimage.feature import graycomatrix, graycoprops
from skimage.transform import downscale_local_mean

from s1.texture_statistics import NAMES, SHARPNESS, WINDOW_PX, texture_statistics


def grey_image(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8)


def by_name(image):
    return dict(zip(NAMES, texture_statistics(image), strict=True))


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_energies_equal_those_of_other_libraries(scale):
    image = grey_image((64, 96))
    small = downscale_local_mean(image / 255, (scale, scale))
    gradient = np.mean(np.diff(small, axis=0) ** 2) + np.mean(np.diff(small, axis=1) ** 2)
    found = by_name(image)
    assert found[f"gradient_{scale}"] == pytest.approx(np.log10(gradient + 1e-6), abs=1e-5)
    laplacian = np.mean(laplace(small)[1:-1, 1:-1] ** 2)
    assert found[f"laplacian_{scale}"] == pytest.approx(np.log10(laplacian + 1e-6), abs=1e-5)


def test_correlation_is_that_of_the_co_occurrence_matrix_up_to_the_border():
    image = np.clip(grey_image((128, 128)).astype(float).cumsum(axis=0).cumsum(axis=1) % 300, 0, 255).astype(np.uint8)
    matrix = graycomatrix(image, [1], [0, np.pi / 2], symmetric=True, normed=True)
    assert by_name(image)["correlation_1"] == pytest.approx(graycoprops(matrix, "correlation").mean(), abs=0.02)


def test_a_blurred_image_is_less_sharp():
    sharp = grey_image((64, 64))
    blurred = np.kron(sharp[::4, ::4], np.ones((4, 4), np.uint8))
    assert texture_statistics(sharp)[SHARPNESS] > texture_statistics(blurred)[SHARPNESS] + 0.2


def test_a_large_image_is_measured_in_nine_windows():
    image = np.zeros((5 * WINDOW_PX, 5 * WINDOW_PX), np.uint8)
    corner, gap = image.copy(), image.copy()
    corner[-20:, -20:] = grey_image((20, 20))
    gap[WINDOW_PX + 10 : WINDOW_PX + 30, :20] = grey_image((20, 20))  # between the first and the second row
    assert not np.allclose(texture_statistics(corner), texture_statistics(image))
    assert np.array_equal(texture_statistics(gap), texture_statistics(image))


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (3, 2), (5, 5), (200, 3)])
def test_images_of_any_size_have_finite_statistics(size):
    assert np.isfinite(texture_statistics(grey_image(size))).all()


def test_colour_images_are_measured_by_their_grey_values():
    grey = grey_image((40, 40))
    grey[:] = np.minimum(grey, 200)
    assert np.allclose(texture_statistics(np.stack([grey] * 3, axis=-1)), texture_statistics(grey), atol=0.01)
