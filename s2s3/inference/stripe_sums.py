"""Weighted sums of the tiles of a few rows of an image, in memory that does not come and go with each tile."""

from collections.abc import Sequence

import numpy as np
import torch

from nnunetv2.foundation.freed_memory import zeros_apart
from nnunetv2.inference.tile_accumulation import mean_of_folds
from nnunetv2.pathology.outputs.band_layout import Span

_ROWS_AT_ONCE = 128
_NUMPY_TYPES = {torch.half: np.float16, torch.float32: np.float32}


class StripeSums:
    """Sums of the rows of a column block that are not finished: the current band and what tiles add below it.

    Parameters:
        num_channels: of a tile, folds * K.
        top: first row, of the image.
        height: number of rows.
        columns: of the image.
        dtype: half, or float32 for sums that do not fit into half.

    Attributes:
        top: first row, of the image.
        added: rows of tiles that were added, for the caller.
    """

    def __init__(
        self, num_channels: int, top: int, height: int, columns: Span, dtype: torch.dtype, device: torch.device
    ):
        width = columns[1] - columns[0]
        self.top = top
        self.added: set[int] = set()
        self._columns = columns
        self._sums = _zeros((num_channels, height, width), dtype, device)
        self._total_weight = _zeros((height, width), dtype, device)
        self._room = torch.empty(2, 0, 0)

    def add(self, prediction: torch.Tensor, weights: torch.Tensor | None, top: int, left: int) -> None:
        """Add a tile, (folds * K, *tile); what lies outside the stripe is left out."""
        target_rows, tile_rows = _overlap(top, prediction.shape[1], (self.top, self.top + self._sums.shape[1]))
        target_columns, tile_columns = _overlap(left, prediction.shape[2], self._columns)
        weight = 1 if weights is None else weights[tile_rows, tile_columns]
        for sums, channel in zip(self._sums, prediction, strict=True):
            logits = channel[tile_rows, tile_columns]
            if self._sums.dtype is torch.float32:
                logits = logits.float()
            self._add(sums[target_rows, target_columns], logits, weight)
        self._total_weight[target_rows, target_columns].add_(weight)

    def mean(self, rows: Span, folds: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the weighted mean of all folds, (K, rows, columns), zero without a tile; and where there is one.

        It takes the memory of the sums, to which nothing can be added any more.
        """
        inside = slice(rows[0] - self.top, rows[1] - self.top)
        sums, total_weight = self._sums[:, inside], self._total_weight[inside]
        covered = total_weight > 0
        for part in total_weight.split(_ROWS_AT_ONCE):
            part.masked_fill_(part == 0, 1)
        sums /= total_weight
        mean = mean_of_folds(sums.chunk(folds))
        assert mean is not None
        return mean, covered

    def move_down(self, top: int) -> None:
        """Forget the rows above `top`."""
        shift = top - self.top
        for plane in (*self._sums, self._total_weight):
            for start in range(0, len(plane) - shift, shift):  # parts that do not overlap their place need no copy
                part = plane[start + shift : start + 2 * shift]
                plane[start : start + len(part)] = part
            plane[-shift:] = 0
        self.top = top

    def _add(self, sums: torch.Tensor, logits: torch.Tensor, weight: torch.Tensor | int) -> None:
        """Add weighted logits, rounded to their own type as in TileSum, to sums.

        What networks predict on the CPU is added in memory of its own, with the same roundings: the arrays that torch
        would make come between those of the network, which then find no room where the last ones were.
        """
        if (logits.dtype, sums.dtype, sums.device.type) != (torch.float32, torch.half, "cpu"):
            sums.add_((logits * weight).to(logits.dtype))
            return
        size = [max(lengths) for lengths in zip(sums.shape, self._room.shape[1:], strict=True)]
        if size != list(self._room.shape[1:]):
            self._room = _zeros((2, *size), torch.float32, sums.device)
        product, total = self._room[:, : sums.shape[0], : sums.shape[1]]
        torch.mul(logits, weight, out=product)
        sums.copy_(total.copy_(sums).add_(product))


def _zeros(shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    if device.type != "cpu":
        return torch.zeros(tuple(shape), dtype=dtype, device=device)
    return torch.from_numpy(zeros_apart(shape, _NUMPY_TYPES[dtype]))


def _overlap(start: int, length: int, span: Span) -> tuple[slice, slice]:
    """Return which part of a span a tile covers, and which part of the tile that is."""
    first, end = max(start, span[0]), min(start + length, span[1])
    return slice(first - span[0], end - span[0]), slice(first - start, end - start)
