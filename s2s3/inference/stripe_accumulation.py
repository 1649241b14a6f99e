"""Combines tile predictions into finished bands of an image that never has to fit into memory.

Rows of tiles go in, bands of logits come out. Every pixel receives the contributions of the same tiles in the same
order, with the same roundings, as in `inference.tile_accumulation`, so both agree to the last bit, whatever the width
of the blocks, the height of the bands and the band that a resumed run begins with.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch

from nnunetv2.inference.stripe_grid import StripeGrid
from nnunetv2.inference.stripe_sums import StripeSums
from nnunetv2.inference.tile_accumulation import InvalidLogitsError, all_finite, require_finite
from nnunetv2.pathology.outputs.band_layout import Span

PredictRow = Callable[[int, Sequence[int]], Iterable[torch.Tensor]]
"""(top of the tiles, left end of each) -> logits of each tile, (folds * K, *tile), in the same order.

Called with ascending rows; again with rows of one band if half precision could not hold their sum.
"""
Gate = Callable[[int, int], bool]
"""(top, left end of a tile) -> whether it is predicted."""


@dataclass(frozen=True)
class Band:
    """A finished part of an image, which stays as it is until the next one is asked for.

    It keeps the memory of the sums of its column block: let go of it before another block is begun.
    """

    block: int
    """Number of its column block, from 0."""
    band: int
    """Number of the band in that block, from 0."""
    rows: Span
    columns: Span
    logits: torch.Tensor
    """(K, rows, columns) on the device of the accumulation, half; float32 only if half cannot hold them.

    Zero where no tile was predicted.
    """
    covered: torch.Tensor
    """(rows, columns), bool: whether a tile was predicted here."""


@dataclass(frozen=True)
class StripeAccumulation:
    """Sums tiles block by block.

    Parameters:
        num_channels: K of the logits.
        weights: importance of each pixel of a tile, (*tile) on `device`; None weights all pixels equally.
        gate: which tiles are predicted; by default all.
        folds: how many times a tile has K logits, fold after fold. Each is summed by itself, as in memory, where sums
            are rounded to half precision before the mean is taken: the mean of tiles would change 2 of 10,000 labels
            of an untrained network.
        repeats_in_float32: whether a band that half precision cannot hold is summed again; otherwise the caller, for
            whom all bands have to be summed alike, gets a LogitOverflowError.
    """

    grid: StripeGrid
    predict_row: PredictRow
    num_channels: int
    weights: torch.Tensor | None
    device: torch.device
    gate: Gate = lambda top, left: True
    folds: int = 1
    repeats_in_float32: bool = True

    def bands_of_block(self, block: int, bands: Iterable[int] | None = None) -> Iterator[Band]:
        """Yield bands of a column block, top to bottom: those asked for, ascending, or all.

        A band after a gap is computed from the first row of tiles that touches it.

        Raises InvalidLogitsError, naming the tile, if the network predicts NaN or infinite values.
        """
        wanted = range(len(self.grid.layout.bands)) if bands is None else bands
        stripe: StripeSums | None = None
        for band in wanted:
            rows = self.grid.layout.bands[band]
            if stripe is None or stripe.top != rows[0]:
                stripe = self._new_stripe(block, rows[0], torch.half)
            for top in self.grid.rows_of_band(band):
                if top not in stripe.added:
                    self._add_row(stripe, block, top)
            yield self._finished(stripe, block, band)
            stripe.move_down(rows[1])

    def _new_stripe(self, block: int, top: int, dtype: torch.dtype) -> StripeSums:
        height = self.grid.layout.band_height + self.grid.tile_size[0]
        channels = self.folds * self.num_channels
        return StripeSums(channels, top, height, self.grid.layout.blocks[block], dtype, self.device)

    def _add_row(self, stripe: StripeSums, block: int, top: int, check: bool = False) -> None:
        lefts = [left for left in self.grid.columns_of_block(block) if self.gate(top, left)]
        if lefts:
            predicted = iter(self.predict_row(top, lefts))
            for left in lefts:
                self._add_tile(stripe, next(predicted), top, left, check)  # no tile stays while the next is predicted
            if next(predicted, None) is not None:
                raise ValueError(f"more than {len(lefts)} tiles were predicted for the row at {top}")
        stripe.added.add(top)

    def _add_tile(self, stripe: StripeSums, logits: torch.Tensor, top: int, left: int, check: bool) -> None:
        if check:
            _require_finite(logits, top, left)
        stripe.add(logits.to(self.device), self.weights, top, left)

    def _finished(self, stripe: StripeSums, block: int, band: int) -> Band:
        """Return a band; if half precision cannot hold its sum, the band is summed again with float32."""
        rows, columns = self.grid.layout.bands[band], self.grid.layout.blocks[block]
        logits, covered = stripe.mean(rows, self.folds)
        if not self.repeats_in_float32:
            for channel in logits:
                require_finite(channel)
        elif not _all_finite(logits):
            logits = self._mean_in_float32(block, band)
        return Band(block, band, rows, columns, logits, covered)

    def _mean_in_float32(self, block: int, band: int) -> torch.Tensor:
        rows = self.grid.layout.bands[band]
        stripe = self._new_stripe(block, rows[0], torch.float32)
        for top in self.grid.rows_of_band(band):
            self._add_row(stripe, block, top, check=True)
        logits, _ = stripe.mean(rows, self.folds)
        if not _all_finite(logits):
            raise InvalidLogitsError("the network predicted values beyond float32; is the checkpoint damaged?")
        half = logits.half()
        return half if _all_finite(half) else logits


def _all_finite(logits: torch.Tensor) -> bool:
    """Return whether all values of all channels are finite."""
    return all(all_finite(channel) for channel in logits)


def _require_finite(logits: torch.Tensor, top: int, left: int) -> None:
    if _all_finite(logits):
        return
    found = "NaN" if torch.isnan(logits).any() else "infinite values"
    raise InvalidLogitsError(
        f"the network predicted {found} for the tile at x={left}, y={top}. Either the image contains extreme values "
        "there, or the checkpoint is damaged"
    )
