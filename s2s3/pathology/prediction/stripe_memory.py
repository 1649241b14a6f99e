"""How wide a column block may be, so that its sums and bands stay within a given memory."""

from nnunetv2.errors import InvalidValueError
from nnunetv2.pathology.outputs.band_layout import BAND_HEIGHT_PX

_WIDTH_STEP_PX = 1024
_HALF_BYTES = 2
_BAND_BYTES = 8
"""Per pixel of a band: where tiles are, labels, and the sum of one channel of two folds."""


def bytes_per_column(num_channels: int, tile_height: int, folds: int = 1, band_height: int = BAND_HEIGHT_PX) -> int:
    """Return the bytes that a column of a block takes: sums and weights, and what becomes of a finished band.

    A band that half precision cannot hold takes up to three times as much while it is computed again. Probabilities
    as fine as the labels take a byte more for each channel and pixel of a band; by default, a sixteenth of it.
    """
    sums = _HALF_BYTES * (folds * num_channels + 1) * (tile_height + band_height)
    return sums + _BAND_BYTES * band_height


def widest_block(
    memory_bytes: int, num_channels: int, tile_size: tuple[int, int], folds: int = 1, band_height: int = BAND_HEIGHT_PX
) -> int:
    """Return the largest multiple of 1024 pixels that fits into the memory, in pixels.

    Parameters:
        memory_bytes: for the accumulation alone: without network, readers and their rows of the slide.
        num_channels: of the logits of a fold.
        tile_size: height and width; a block has to be at least two tiles wide.

    Raises InvalidValueError, naming the memory that is needed, if that does not fit.
    """
    column = bytes_per_column(num_channels, tile_size[0], folds, band_height)
    width = memory_bytes // column // _WIDTH_STEP_PX * _WIDTH_STEP_PX
    least = -(-2 * tile_size[1] // _WIDTH_STEP_PX) * _WIDTH_STEP_PX
    if width < least:
        needed = least * column / 2**20
        raise InvalidValueError(
            f"memory for summing tiles is {memory_bytes / 2**20:.0f} MiB, expected at least {needed:.0f} MiB for "
            f"{num_channels} channels, {folds} fold(s) and tiles of {tile_size[0]} x {tile_size[1]}. "
            "Pass a larger --memory"
        )
    return width
