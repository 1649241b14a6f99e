"""Tiles are normalised by a window around them as a training image of that place would be."""

import numpy as np
import pytest

from nnunetv2.pathology.prediction.slide_normalisation import ChannelStatistics, SlideNormalisation
from nnunetv2.pathology.prediction.tile_normaliser import TileNormaliser
from nnunetv2.pathology.slides.geometry import Box
from nnunetv2.preprocessing.normalization.default_normalization_schemes import (
    RGBTo01Normalization,
    ZScoreNormalization,
)

HEIGHT, WIDTH = 500, 700
NOISE = np.random.default_rng(0)
PIXELS = (NOISE.integers(0, 120, (HEIGHT, WIDTH, 3)) + np.linspace(0, 130, WIDTH)[:, None]).astype(np.uint8)
OF_SLIDE = ChannelStatistics((120.0,) * 3, (50.0,) * 3)
ZSCORES = SlideNormalisation((ZScoreNormalization(False, {}),) * 3)


def read(box: Box) -> np.ndarray:
    return PIXELS[box.y : box.bottom, box.x : box.right]


def normaliser(window_px: int | None) -> TileNormaliser:
    return TileNormaliser(ZSCORES, WIDTH, HEIGHT, OF_SLIDE, window_px)


@pytest.mark.parametrize(
    ("tile", "window"),
    [
        (Box(300, 200, 64, 64), Box(232, 132, 200, 200)),
        (Box(0, 0, 64, 64), Box(0, 0, 200, 200)),
        (Box(636, 436, 64, 64), Box(500, 300, 200, 200)),
        (Box(100, 100, 300, 250), Box(100, 100, 300, 250)),
        (Box(0, 0, 700, 40), Box(0, 0, 700, 200)),
    ],
)
def test_a_window_holds_its_tile_and_stays_inside_the_view(tile: Box, window: Box) -> None:
    assert normaliser(200).window(tile) == window
    assert normaliser(None).window(tile) == tile


def test_a_window_is_no_wider_than_the_view_and_than_what_memory_is_planned_for() -> None:
    assert normaliser(5000).window(Box(10, 10, 64, 64)) == Box(0, 0, WIDTH, HEIGHT)
    wide = TileNormaliser(ZSCORES, 9000, 9000, OF_SLIDE, 5000)
    assert wide.window(Box(4000, 4000, 64, 64)) == Box(3008, 3008, 2048, 2048)


def test_a_tile_is_what_it_would_be_in_a_training_image_of_that_window() -> None:
    tile = Box(300, 200, 64, 64)
    image = read(Box(232, 132, 200, 200)).transpose(2, 0, 1).astype(np.float32)
    expected = np.stack([ZScoreNormalization(False, {}).run(channel.copy()) for channel in image])
    found = normaliser(200).read(tile, read)
    np.testing.assert_allclose(found, expected[:, 68:132, 68:132], atol=1e-5)


def test_without_a_window_the_statistics_of_the_slide_count() -> None:
    tile = Box(300, 200, 64, 64)
    expected = (read(tile).transpose(2, 0, 1).astype(np.float32) - 120) / 50
    np.testing.assert_allclose(normaliser(None).read(tile, read), expected, atol=1e-5)


def test_an_almost_empty_window_is_not_normalised_by_itself() -> None:
    def glass(box: Box) -> np.ndarray:
        return 243 - NOISE.integers(0, 3, (box.height, box.width, 3), np.uint8)

    found = normaliser(200).read(Box(300, 200, 64, 64), glass)
    assert abs(found - (242 - 120) / 50).max() < 0.05


def test_schemes_that_work_pixel_by_pixel_read_no_window() -> None:
    plain = TileNormaliser(SlideNormalisation((RGBTo01Normalization(False, {}),) * 3), WIDTH, HEIGHT, None, 200)
    seen: list[Box] = []

    def noted(box: Box) -> np.ndarray:
        seen.append(box)
        return read(box)

    tile = Box(10, 20, 64, 64)
    assert plain.read(tile, noted).max() <= 1
    assert seen == [tile]
