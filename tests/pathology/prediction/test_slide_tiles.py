"""Tiles of a view on their way to the network."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from nnunetv2.pathology.prediction.slide_normalisation import SlideNormalisation
from nnunetv2.pathology.prediction.slide_tiles import SlideTiles
from nnunetv2.pathology.prediction.tile_normaliser import TileNormaliser
from nnunetv2.pathology.slides.geometry import Box
from nnunetv2.preprocessing.normalization.default_normalization_schemes import NoNormalization

PICTURE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


class WholePicture:
    """Gives parts of the picture."""

    def read(self, window: Box) -> Any:
        return PICTURE[window.y : window.bottom, window.x : window.right]

    def forget_above(self, row: int) -> None:
        pass


def tiles_given(lefts: Sequence[int], size: tuple[int, int], batch_size: int) -> list[torch.Tensor]:
    """Return the tiles of the row at 4 as the network got them, which kept them."""
    given: list[torch.Tensor] = []

    def predict(tiles: torch.Tensor) -> torch.Tensor:
        given.extend(tiles)
        return tiles

    normaliser = TileNormaliser(SlideNormalisation((NoNormalization(False, {}),) * 3), 30, 20, None)
    rows: Any = WholePicture()
    logits = list(SlideTiles(30, 20, size, rows, normaliser, predict, batch_size).predict_row(4, lefts))
    assert all(torch.equal(*pair) for pair in zip(logits, given, strict=True))
    return given


def test_tiles_that_a_network_keeps_stay_as_they_are_whatever_the_batch() -> None:
    expected = [
        torch.from_numpy(PICTURE[4:12, left : left + 8].transpose(2, 0, 1).astype(np.float32)) for left in range(7)
    ]
    for batch_size in (1, 3, 7, 10):
        given = tiles_given(range(7), (8, 8), batch_size)
        assert all(torch.equal(*pair) for pair in zip(given, expected, strict=True)), batch_size


def test_what_lies_outside_the_view_is_zero() -> None:
    (tile,) = tiles_given([26], (32, 8), 1)
    assert torch.equal(tile[:, :16, :4], torch.from_numpy(PICTURE[4:, 26:].transpose(2, 0, 1).astype(np.float32)))
    assert not tile[:, 16:].any()
    assert not tile[:, :, 4:].any()
