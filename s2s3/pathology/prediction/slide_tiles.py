"""From rows of tiles of a view to their logits: read, normalise, predict in batches."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch

from nnunetv2.pathology.prediction.block_rows import BlockRows
from nnunetv2.pathology.prediction.slide_normalisation import Tile
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
        remaining = iter(lefts)
        while batch := list(islice(remaining, self.batch_size)):
            yield from self.predict(torch.from_numpy(np.stack([self.tile(top, left) for left in batch])))

    def tile(self, top: int, left: int) -> Tile:
        """Return a tile, normalised; what lies outside the view is zero, as nnU-Net pads small images."""
        height, width = self.tile_size
        box = Box(left, top, width, height)
        inside = self._inside(box)
        channels = self.normaliser.read(inside, self.rows.read)
        if inside == box:
            return channels
        tile = np.zeros((len(channels), height, width), np.float32)
        tile[:, inside.y - top : inside.bottom - top, inside.x - left : inside.right - left] = channels
        return tile

    def _inside(self, box: Box) -> Box:
        return box.within(self.width, self.height)
