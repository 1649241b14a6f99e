"""The colours that hold the extremes of every change of stain."""

import numpy as np
import pytest

from nnunetv2.pathology.stain.extreme_colours import MOST_COLOURS, extreme_colours

STREAM = np.random.default_rng(3)


def extremes_along(colours: np.ndarray, directions: np.ndarray) -> np.ndarray:
    projected = directions @ np.log(colours.astype(np.float64) + 1)
    return np.stack([projected.min(axis=1), projected.max(axis=1)])


@pytest.mark.parametrize("kind", ["whole", "fractional", "grey", "one channel constant", "one colour", "few"])
def test_their_extremes_in_every_direction_are_those_of_the_image(kind: str) -> None:
    image = STREAM.normal(130, 30, (3, 60_000)).clip(0, 255)
    if kind != "fractional":
        image = image.round()
    if kind == "grey":
        image[:] = image[:1]
    if kind == "one channel constant":
        image[2] = 77
    if kind == "one colour":
        image[:] = image[:, :1]
    if kind == "few":
        image = image[:, :3]
    found = extreme_colours(image.astype(np.float32))
    directions = STREAM.normal(size=(200, 3))
    assert found.dtype == np.float32
    assert 1 <= found.shape[1] <= MOST_COLOURS
    np.testing.assert_allclose(extremes_along(found, directions), extremes_along(image, directions), atol=1e-5)


def test_too_many_corners_still_hold_the_range_of_each_channel() -> None:
    points = STREAM.normal(size=(3, 20_000))
    ball = np.exp(4 + points / np.linalg.norm(points, axis=0)) - 1
    found = extreme_colours(ball.astype(np.float32))
    assert found.shape[1] <= MOST_COLOURS
    np.testing.assert_allclose(found.min(axis=1), ball.min(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found.max(axis=1), ball.max(axis=1), rtol=1e-5)
