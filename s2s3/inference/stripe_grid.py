"""The tiles of an image that is predicted block by block and band by band."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from nnunetv2.errors import InvalidValueError
from nnunetv2.inference.sliding_window_prediction import compute_steps_for_sliding_window
from nnunetv2.pathology.outputs.band_layout import BandLayout, Span


@dataclass(frozen=True)
class StripeGrid:
    """The positions of all tiles, the same as in a prediction of the whole image at once.

    An image smaller than a tile counts as padded evenly, an odd pixel at the end. Positions are always those in the
    image itself, so the tiles of such an image begin at a negative row or column and reach beyond its end.
    """

    layout: BandLayout
    tile_size: tuple[int, int]
    """Height and width of a tile."""
    tile_step_size: float = 0.5
    """Distance between tiles as a fraction of the tile, in (0, 1]."""

    def __post_init__(self) -> None:
        if len(self.tile_size) != 2 or min(self.tile_size) < 1:
            raise InvalidValueError(f"tile size is {self.tile_size}, expected a height and a width of at least 1")

    @cached_property
    def rows(self) -> list[int]:
        """Top of each row of tiles, ascending."""
        return self._starts(0, self.layout.height)

    @cached_property
    def columns(self) -> list[int]:
        """Left end of each column of tiles, ascending."""
        return self._starts(1, self.layout.width)

    def rows_of_band(self, band: int) -> list[int]:
        """Return the rows of tiles that touch a band."""
        return _touching(self.rows, self.tile_size[0], self.layout.bands[band])

    def columns_of_block(self, block: int) -> list[int]:
        """Return the columns of tiles that touch a block."""
        return _touching(self.columns, self.tile_size[1], self.layout.blocks[block])

    def _starts(self, axis: int, length: int) -> list[int]:
        tile = self.tile_size[axis]
        missing = max(0, tile - length)
        (starts,) = compute_steps_for_sliding_window((length + missing,), (tile,), self.tile_step_size)
        return [start - missing // 2 for start in starts]


def _touching(starts: Sequence[int], length: int, span: Span) -> list[int]:
    return [start for start in starts if start < span[1] and start + length > span[0]]
