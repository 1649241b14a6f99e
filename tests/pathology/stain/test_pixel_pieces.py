import numpy as np
import pytest

from nnunetv2.pathology.stain import pixel_pieces as module
from nnunetv2.pathology.stain.pixel_pieces import every_pixel, extremes, mean_and_deviation, pixel_pieces

RGB = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
IMAGES = {
    "interleaved": RGB.transpose(2, 0, 1)[:, None],
    "float": np.ascontiguousarray(RGB.transpose(2, 0, 1)[:, None]).astype(np.float32),
    "cropped": RGB.transpose(2, 0, 1)[:, None, 3:-2, 5:-9],
    "several slices": RGB.reshape(4, 10, 30, 3).transpose(3, 0, 1, 2),
    "flat": RGB.reshape(-1, 3).T,
}


@pytest.fixture(autouse=True, params=[2**18, 64, 7])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(module, "_PIXELS_AT_ONCE", request.param)
    return request.param


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES.keys())
def test_pieces_are_all_pixels_in_order_and_small(image, size):
    pieces = list(pixel_pieces(image))
    assert np.array_equal(np.concatenate(pieces, axis=1), image.reshape(3, -1))
    assert max(piece.shape[1] for piece in pieces) <= size


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES.keys())
def test_mean_and_deviation_are_those_of_each_channel(image):
    mean, deviation = mean_and_deviation(image)
    flat = image.reshape(3, -1).astype(np.float64)
    assert mean == pytest.approx(flat.mean(axis=1), rel=1e-12)
    assert deviation == pytest.approx(flat.std(axis=1), rel=1e-12)


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES.keys())
def test_extremes_are_those_of_each_channel(image):
    flat = image.reshape(3, -1)
    assert np.array_equal(extremes(image), [flat.min(axis=1), flat.max(axis=1)])


class InRows:
    """Gives the rows of a picture."""

    def __init__(self, picture: np.ndarray):
        self._picture, self.shape, self.dtype = picture, picture.shape, picture.dtype

    def rows(self, first: int, end: int) -> np.ndarray:
        return self._picture[:, 0, first:end]


@pytest.mark.parametrize("name", ["interleaved", "float", "cropped"])
def test_a_picture_that_is_read_by_rows_gives_the_bits_of_the_whole(name):
    image, rows = IMAGES[name], InRows(IMAGES[name])
    for measure in (mean_and_deviation, extremes, lambda given: every_pixel(given, 7)):
        assert np.array_equal(measure(rows), measure(image))


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES.keys())
@pytest.mark.parametrize("step", [1, 7])
def test_every_nth_pixel_is_taken_in_order(image, step):
    assert np.array_equal(every_pixel(image, step), image.reshape(3, -1)[:, ::step])
