"""From rows of tiles of a view to their logits: read, normalise, predict in batches."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch

from nnunetv2.pathology.prediction.block_rows import BlockRows
from nnunetv2.pathology.prediction.slide_normalisation import Pixels, Tile
from nnunetv2.pathology.slides.geometry import Box


@dataclass(frozen=True)
class SlideTiles:
    """The tiles of a view.

    Parameters:
        width, height: of the view.
        tile_size: height and width of a tile.
        rows: the pixels.
        normalise: turns pixels (h, w, 3) into the network's channels (3, h, w).
        predict: turns a batch of tiles (B, 3, *tile) into logits (B, K, *tile).
    """

    width: int
    height: int
    tile_size: tuple[int, int]
    rows: BlockRows
    normalise: Callable[[Pixels], Tile]
    predict: Callable[[torch.Tensor], torch.Tensor]
    batch_size: int = 1

    def predict_row(self, top: int, lefts: Sequence[int]) -> Iterator[torch.Tensor]:
        """Yield the logits (K, *tile) of the tiles of a row, left to right."""
        self.rows.forget_above(top)
        remaining = iter(lefts)
        while batch := list(islice(remaining, self.batch_size)):
            tiles = np.stack([self.tile(top, left) for left in batch])
            yield from self.predict(torch.from_numpy(tiles))

    def tile(self, top: int, left: int) -> Tile:
        """Return a tile, normalised; what lies outside the view is zero, as nnU-Net pads small images."""
        height, width = self.tile_size
        box = Box(left, top, width, height)
        inside = box.within(self.width, self.height)
        channels = self.normalise(self.rows.read(inside))
        if inside == box:
            return channels
        tile = np.zeros((len(channels), height, width), np.float32)
        tile[:, inside.y - top : inside.bottom - top, inside.x - left : inside.right - left] = channels
        return tile
