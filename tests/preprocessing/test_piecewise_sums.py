"""The reference is NumPy's own mean of the whole array."""

import numpy as np
import pytest

from nnunetv2.preprocessing import piecewise_sums
from nnunetv2.preprocessing.piecewise_sums import mean_of_plane

SHAPES = [(1, 1), (1, 300), (300, 1), (7, 9), (61, 130), (263, 575), (257, 1024), (40, 9001)]


def colours(shape: tuple[int, int]) -> np.ndarray:
    """Return one channel of a picture (H, W, 3) as float32, between the values of the others."""
    return np.random.default_rng(sum(shape)).integers(0, 256, (*shape, 3)).astype(np.float32)[..., 1]


@pytest.fixture(params=[2**20, 4096], ids=["pieces of the normal size", "small pieces"])
def size_of_pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piecewise_sums, "_MOST_VALUES_AT_ONCE", request.param)


@pytest.mark.usefixtures("size_of_pieces")
@pytest.mark.parametrize("shape", SHAPES)
def test_the_mean_is_that_of_the_whole_plane_to_the_last_bit(shape):
    plane = colours(shape)
    for values in (plane, np.ascontiguousarray(plane), np.square(plane - plane.mean())):
        means = mean_of_plane(lambda first, end, of=values: of[None, first:end].copy(), *shape)
        assert means.tolist() == [values[None].mean()]


@pytest.mark.usefixtures("size_of_pieces")
@pytest.mark.parametrize("shape", SHAPES)
def test_the_mean_of_a_cropped_plane_is_that_of_the_crop_to_the_last_bit(shape):
    whole = colours((shape[0] + 3, shape[1] + 5))
    for wide in (whole, np.ascontiguousarray(whole)):
        crop = wide[2:-1, 1:-4]
        means = mean_of_plane(lambda first, end, of=crop: of[None, first:end].copy(), *shape, has_gaps=True)
        assert means.tolist() == [crop[None].mean()]


def test_no_more_than_a_piece_is_converted_at_once(monkeypatch):
    monkeypatch.setattr(piecewise_sums, "_MOST_VALUES_AT_ONCE", 16384)
    asked = []

    def rows(first: int, end: int) -> np.ndarray:
        asked.append(end - first)
        return np.ones((2, end - first, 100), np.float32)

    for has_gaps in (False, True):
        assert mean_of_plane(rows, 1000, 100, has_gaps).tolist() == [1, 1]
    assert max(asked) <= 165
