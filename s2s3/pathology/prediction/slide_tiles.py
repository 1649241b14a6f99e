"""From rows of tiles of a view to their logits: read, normalise, predict in batches."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch

from nnunetv2.foundation.freed_memory import return_kept_memory, zeros_apart
from nnunetv2.pathology.prediction.block_rows import BlockRows
from nnunetv2.pathology.prediction.slide_normalisation import RGB_CHANNELS, Tile
from nnunetv2.pathology.prediction.tile_normaliser import TileNormaliser
from nnunetv2.pathology.slides.geometry import Box


@dataclass(frozen=True)
class SlideTiles:
    """The tiles of a view.

    Parameters:
        width, height: of the view.
        tile_size: height and width of a tile.
        rows: the pixels.
        normaliser: turns pixels into the network's channels.
        predict: turns a batch of tiles (B, 3, *tile) into logits (B, folds * K, *tile).
    """

    width: int
    height: int
    tile_size: tuple[int, int]
    rows: BlockRows
    normaliser: TileNormaliser
    predict: Callable[[torch.Tensor], torch.Tensor]
    batch_size: int = 1

    def predict_row(self, top: int, lefts: Sequence[int]) -> Iterator[torch.Tensor]:
        """Yield the logits (folds * K, *tile) of the tiles of a row, left to right."""
        height, width = self.tile_size
        self.rows.forget_above(self.normaliser.window(self._inside(Box(0, top, width, height))).y)
        return_kept_memory()
        remaining = iter(lefts)
        while batch := list(islice(remaining, self.batch_size)):
            yield from self.predict(torch.from_numpy(self._tiles(top, batch)))

    def _tiles(self, top: int, lefts: Sequence[int]) -> Tile:
        """Return tiles, (B, 3, *tile), apart from the arrays that networks make: those fit where the last ones were."""
        tiles = zeros_apart((len(lefts), RGB_CHANNELS, *self.tile_size), np.float32)
        for tile, left in zip(tiles, lefts, strict=True):
            self._fill(tile, top, left)
        return tiles

    def _fill(self, tile: Tile, top: int, left: int) -> None:
        """Fill a tile of zeros with the view, normalised; what lies outside stays, as nnU-Net pads small images."""
        height, width = self.tile_size
        inside = self._inside(Box(left, top, width, height))
        part = tile[:, inside.y - top : inside.bottom - top, inside.x - left : inside.right - left]
        self.normaliser.read(inside, self.rows.read, part)

    def _inside(self, box: Box) -> Box:
        return box.within(self.width, self.height)
