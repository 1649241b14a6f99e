import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from s1.grey_statistics import falls_short, grey_values, measure_grey

images = arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(2, 24), st.just(3)))


def scikit_grey(image):
    from skimage.color import rgb2gray

    return image if image.ndim == 2 else (rgb2gray(image) * 255).astype(np.uint8)


def scikit_contrast(grey):
    from skimage.feature import graycomatrix, graycoprops

    matrix = graycomatrix(grey, [1], [0], levels=256, symmetric=True, normed=True)
    return float(graycoprops(matrix, "contrast")[0, 0])


def assert_equal_to_scikit(image):
    grey, measured = scikit_grey(image), measure_grey(image)
    assert measured.mean == pytest.approx(grey.mean(dtype=float), abs=1e-9)
    assert measured.std == pytest.approx(grey.astype(float).std(), abs=1e-9)
    assert measured.contrast == pytest.approx(scikit_contrast(grey), rel=1e-9, abs=1e-9)


def smooth_grey_ramp():
    """Colours that are equal or nearly so: the ones where rounding decides."""
    rows, columns = np.mgrid[:256, :40]
    return np.stack([rows, rows, np.minimum(rows + (columns == 3), 255)], axis=-1).astype(np.uint8)


@settings(deadline=None)
@given(images)
def test_mean_std_and_contrast_equal_scikit_image(image):
    assert_equal_to_scikit(image)


def test_they_equal_scikit_image_where_rounding_decides_and_on_large_images():
    assert_equal_to_scikit(smooth_grey_ramp())
    assert_equal_to_scikit(np.random.default_rng(0).integers(0, 256, (700, 333, 3), np.uint8))


def test_every_colour_has_scikit_images_grey_value():
    green, blue = np.meshgrid(np.arange(256), np.arange(256), indexing="ij")
    for red in (0, 1, 17, 128, 200, 255):
        image = np.stack([np.full_like(green, red), green, blue], axis=-1).astype(np.uint8)
        assert np.array_equal(grey_values(image), scikit_grey(image)), red


def test_grey_is_the_exact_sum_truncated_except_for_few_colours():
    image = np.random.default_rng(1).integers(0, 256, (300, 300, 3), np.uint8)
    exact = image.astype(int) @ [2125, 7154, 721] // 10_000
    differs = grey_values(image) != exact
    assert np.all(exact[differs] - grey_values(image)[differs] == 1)
    assert falls_short().sum() < 1722
    codes = image.astype(int) @ [65536, 256, 1]
    assert np.array_equal(differs, falls_short()[codes])


def test_contrast_is_the_mean_squared_step_of_neighbours():
    image = np.array([[0, 10, 10], [5, 5, 1]], np.uint8)
    assert measure_grey(image).contrast == (100 + 0 + 0 + 16) / 4
    assert measure_grey(np.array([[3], [9]], np.uint8)).contrast == 0


def test_a_constant_image_has_no_spread():
    measured = measure_grey(np.full((50, 60, 3), 77, np.uint8))
    assert measured.std == 0
    assert measured.contrast == 0


def test_grey_images_are_counted_unchanged():
    image = np.random.default_rng(2).integers(0, 256, (30, 40), np.uint8)
    assert measure_grey(image).mean == pytest.approx(image.mean(dtype=float))
    assert_equal_to_scikit(image)


@pytest.mark.parametrize("shape", [(120, 90, 3), (70, 50)])
def test_torch_counts_exactly_the_same(shape):
    torch = pytest.importorskip("torch")
    image = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    assert measure_grey(image, torch.device("cpu")) == measure_grey(image)
    assert measure_grey(smooth_grey_ramp(), torch.device("cpu")) == measure_grey(smooth_grey_ramp())


@pytest.mark.gpu
def test_a_gpu_counts_exactly_the_same():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    image = np.random.default_rng(3).integers(0, 256, (500, 400, 3), np.uint8)
    assert measure_grey(image, torch.device("cuda", 0)) == measure_grey(image)


@pytest.mark.real
@pytest.mark.parametrize("dataset", ["Dataset101_EpiTumorRegions", "Dataset102_Nuclei"])
def test_real_images_equal_scikit_image(real_data: Path, dataset):
    from s1.image_files import read_image

    files = sorted(os.scandir(real_data / dataset / "imagesTr"), key=lambda entry: entry.name)
    for file in files[::9]:
        assert_equal_to_scikit(read_image(Path(file.path)))
