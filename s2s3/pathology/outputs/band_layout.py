"""How an image is cut into column blocks and bands: the units in which a slide is predicted, stored and resumed."""

from dataclasses import dataclass

from nnunetv2.errors import InvalidValueError

Span = tuple[int, int]
"""[first, end) in pixels."""

BAND_HEIGHT_PX = 1024


@dataclass(frozen=True)
class BandLayout:
    """Column blocks of equal width, and in each of them bands of equal height; the last ones may be smaller.

    Raises InvalidValueError for a length below 1.
    """

    height: int
    """Of the image, in pixels, as all lengths here."""
    width: int
    block_width: int
    band_height: int = BAND_HEIGHT_PX

    def __post_init__(self) -> None:
        for name in ("height", "width", "block_width", "band_height"):
            if getattr(self, name) < 1:
                raise InvalidValueError(f"{name} is {getattr(self, name)}, expected at least 1")

    @property
    def blocks(self) -> list[Span]:
        """The columns of each block, left to right."""
        return _spans(self.width, self.block_width)

    @property
    def bands(self) -> list[Span]:
        """The rows of each band, top to bottom."""
        return _spans(self.height, self.band_height)

    def band_shape(self, block: int, band: int) -> tuple[int, int]:
        """Return height and width of a band of a block, both counted from 0."""
        (top, bottom), (left, right) = self.bands[band], self.blocks[block]
        return bottom - top, right - left


def _spans(length: int, step: int) -> list[Span]:
    return [(first, min(first + step, length)) for first in range(0, length, step)]
