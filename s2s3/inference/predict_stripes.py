"""Predicts a 2D image stripe by stripe: the logits of a few rows are handed on and forgotten before the next ones.

Every pixel gets the bits that it has when the whole image is predicted at once: see `stripe_accumulation`. With several
folds each stripe is predicted by one fold after the other, and the mean is taken as for a whole image.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol

import numpy as np
import torch

from nnunetv2.inference.predict_tiles import TileWork, predicted_tiles
from nnunetv2.inference.sliding_window_prediction import Slicer
from nnunetv2.inference.stripe_accumulation import Band, StripeAccumulation
from nnunetv2.inference.stripe_grid import StripeGrid
from nnunetv2.inference.tile_accumulation import LogitOverflowError, mean_of_folds
from nnunetv2.pathology.outputs.band_layout import BandLayout, Span

BAND_HEIGHT_PX = 256


class Plane(Protocol):
    """A 2D image, of which parts can be had."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, 1, height, width)."""

    def part(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a part as the network takes it, (C, rows, columns) float32."""


@dataclass(frozen=True)
class PaddedPlane:
    """A plane as the loop over tiles takes it: at least as large as a tile, with zeros around it as `pad_to_tile` adds.

    Indexing with the position of a tile returns the tile, (C, *tile).
    """

    plane: Plane
    tile_size: Sequence[int]

    @property
    def before(self) -> tuple[int, ...]:
        """Rows above and columns to the left of the plane."""
        lengths = zip(self.plane.shape[2:], self.tile_size, strict=True)
        return tuple(max(0, tile - length) // 2 for length, tile in lengths)

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, 1, height, width) with the padding."""
        lengths = zip(self.plane.shape[2:], self.tile_size, strict=True)
        return (*self.plane.shape[:2], *(max(length, tile) for length, tile in lengths))

    def __getitem__(self, where: Slicer) -> torch.Tensor:
        places = [
            _overlap(span, before, length)
            for span, before, length in zip(where[2:], self.before, self.plane.shape[2:], strict=True)
        ]
        (rows, rows_of_tile), (columns, columns_of_tile) = places
        part = torch.from_numpy(self.plane.part(rows, columns))
        if part.shape[1:] == tuple(self.tile_size):
            return part
        tile = torch.zeros((len(part), *self.tile_size))
        tile[:, rows_of_tile, columns_of_tile] = part
        return tile


def _overlap(span: Any, before: int, length: int) -> tuple[slice, slice]:
    """Return what a tile's span covers of an axis of the plane, and which part of the tile that is."""
    first, end = max(span.start - before, 0), min(span.stop - before, length)
    return slice(first, end), slice(first + before - span.start, end + before - span.start)


@dataclass(frozen=True)
class StripeWork:
    """How the stripes of an image are predicted."""

    image: PaddedPlane
    slicers: Sequence[Slicer]
    """Positions of all tiles, row by row."""
    tile_step_size: float
    tiles: TileWork
    folds: Sequence[Callable[[], None]]
    """Each makes the network that of one fold; only called when it was another's."""

    def logits(self) -> Iterator[tuple[Span, torch.Tensor]]:
        """Yield ascending rows of the image that are finished and their logits, (K, rows, width) half, on the CPU.

        Raises LogitOverflowError if half precision cannot hold a sum, which may differ for the image as a whole.
        """
        (top, left), (height, width) = self.image.before, self.image.plane.shape[2:]
        with self.tiles.make_bar(total=len(self.slicers) * len(self.folds)) as bar:
            for bands in zip(*self._bands_of_folds(bar), strict=True):
                first, end = max(bands[0].rows[0], top), min(bands[0].rows[1], top + height)
                if first < end:
                    logits = _mean([band.logits.to("cpu") for band in bands])
                    inside = slice(first - bands[0].rows[0], end - bands[0].rows[0])
                    yield (first - top, end - top), logits[:, inside, left : left + width]

    def _bands_of_folds(self, bar: Any) -> list[Iterator[Band]]:
        tiles = replace(self.tiles, make_bar=lambda total: nullcontext(bar))
        switch = _FoldSwitch(self.folds)
        return [switch.in_fold(number, self._bands(tiles)) for number in range(len(self.folds))]

    def _bands(self, tiles: TileWork) -> Iterator[Band]:
        predicted = predicted_tiles(self.image, self.slicers, tiles)
        height, width = self.image.shape[2:]
        rows_of_tiles, columns_of_tiles = self.image.tile_size
        grid = StripeGrid(
            BandLayout(height, width, width, BAND_HEIGHT_PX), (rows_of_tiles, columns_of_tiles), self.tile_step_size
        )

        def predict_row(top: int, lefts: Sequence[int]) -> Iterator[torch.Tensor]:
            return (logits for logits, _ in islice(predicted, len(lefts)))

        accumulation = StripeAccumulation(
            grid, predict_row, tiles.num_channels, tiles.weights, tiles.results_device, repeats_in_float32=False
        )
        return accumulation.bands_of_block(0)


class _FoldSwitch:
    """Makes the network that of the fold whose bands are asked for."""

    def __init__(self, folds: Sequence[Callable[[], None]]):
        self._folds = folds
        self._current: int | None = None

    def in_fold(self, number: int, bands: Iterator[Band]) -> Iterator[Band]:
        while True:
            if self._current != number:
                self._folds[number]()
                self._current = number
            band = next(bands, None)
            if band is None:
                return
            yield band


def _mean(logits: Sequence[torch.Tensor]) -> torch.Tensor:
    mean = mean_of_folds(logits)
    if mean is None or mean.dtype is not torch.half:
        raise LogitOverflowError("the sum of the logits of all folds exceeds the range of half precision")
    return mean
