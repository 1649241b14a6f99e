import numpy as np
import pytest

from nnunetv2.pathology.stain import pixel_pieces as module
from nnunetv2.pathology.stain.pixel_pieces import every_pixel, mean_and_deviation, pixel_pieces

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
@pytest.mark.parametrize("step", [1, 7])
def test_every_nth_pixel_is_taken_in_order(image, step):
    assert np.array_equal(every_pixel(image, step), image.reshape(3, -1)[:, ::step])
