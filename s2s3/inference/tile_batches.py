"""Tiles that a GPU predicts several at a time, and copies that it makes while it computes.

On the CPU, where none of this saves time, a tile is predicted by itself, when it is asked for.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from typing import TypeVar

import torch

Item = TypeVar("Item")
_VOXELS_THAT_FILL = 1 << 22
"""Of the tiles of a batch: 16 of 512 x 512, 2 of 128 x 128 x 128."""
_MOST_TILES = 16
_MOST_LOGITS = 1 << 26
"""Of a batch, 134 MB in half precision, which are kept twice in memory that is not paged."""
_SIGNS_OF_FULL_MEMORY = (
    "out of memory",
    "unable to find an engine",
    "cudnn_status_alloc_failed",
    "cublas_status_alloc_failed",
)
"""In what CUDA, cuDNN and cuBLAS say."""


def tiles_that_fill(device: torch.device, tile_size: Sequence[int], num_channels: int) -> int:
    """Return how many tiles a device predicts at a time, with so many channels of logits: 1 but for CUDA."""
    if device.type != "cuda":
        return 1
    most_voxels = min(_VOXELS_THAT_FILL, _MOST_LOGITS // num_channels)
    return min(_MOST_TILES, max(1, most_voxels // prod(tile_size)))


class BatchSize:
    """The most tiles in a batch, which whoever runs out of memory reduces for all images that follow."""

    def __init__(self, most: int):
        self.most = self.tiles = most

    def reduce(self, failed: int) -> None:
        """Note that there was no memory for so many tiles.

        If there was none for a single one, something else fills the memory, and its size was not the reason.
        """
        self.tiles = self.most if failed == 1 else (failed + 1) // 2


@dataclass(frozen=True)
class TileBatches:
    """Predicts batches of tiles, smaller ones from then on once the device runs out of memory.

    Parameters:
        predict: (B, C, *tile) -> logits (B, K, *tile).
    """

    predict: Callable[[torch.Tensor], torch.Tensor]
    size: BatchSize

    def __call__(self, tiles: torch.Tensor) -> torch.Tensor:
        """Return the logits (B, K, *tile) of tiles (B, C, *tile)."""
        while len(tiles) <= self.size.tiles:
            try:
                return self.predict(tiles)
            except RuntimeError as error:
                if not any(sign in str(error).lower() for sign in _SIGNS_OF_FULL_MEMORY):
                    raise
                if len(tiles) == 1:
                    self.size.reduce(1)
                    raise
            self.size.reduce(len(tiles))  # outside of the handler, which keeps activations in memory
        return torch.cat([self(part) for part in tiles.split(self.size.tiles)])


def begun_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield each item when the next one was made, so that a device computes that one meanwhile."""
    item = next(items, None)
    while item is not None:
        following = next(items, None)
        yield item
        item = following


def sent(tiles: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return tiles on a device; the copy to a CUDA device goes on in the background, before what it computes next."""
    if device.type != "cuda" or tiles.device.type == "cuda":
        return tiles.to(device)
    with suppress(RuntimeError):  # where no memory can be locked
        tiles = tiles.pin_memory()
    return tiles.to(device, non_blocking=True)


class Returning:
    """A tensor on its way to another device; from CUDA to the CPU in the background, after what was computed before."""

    def __init__(self, tensor: torch.Tensor, device: torch.device):
        self._arrived = None
        if tensor.device.type != "cuda" or device.type != "cpu":
            self._tensor = tensor.to(device)
            return
        try:
            self._tensor = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        except RuntimeError:  # no memory can be locked
            self._tensor = tensor.to(device)
            return
        self._tensor.copy_(tensor, non_blocking=True)
        self._arrived = torch.cuda.current_stream(tensor.device).record_event()

    def get(self) -> torch.Tensor:
        """Wait for the tensor and return it."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._tensor
