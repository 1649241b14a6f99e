"""The tissue of a slide as a mask with its place on the slide, its size and its outlines."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, floor
from typing import TYPE_CHECKING, Any

import numpy as np

from nnunetv2.pathology.slides.geometry import Box, PixelSize, ViewGrid, view_grid
from nnunetv2.pathology.slides.reader_process import IN_THIS_PROCESS, Reading
from nnunetv2.pathology.slides.slide import Slide
from nnunetv2.pathology.slides.slide_block import PixelState
from nnunetv2.pathology.slides.slide_source import small_source
from nnunetv2.pathology.tissue.tissue_mask import (
    WORKING_UM,
    Mask,
    TissueSettings,
    cleaned_mask,
    coloured_pixels,
    grown,
)

if TYPE_CHECKING:
    import shapely

LEAST_SHARE, LEAST_MM2 = 0.0005, 0.1
"""Less counts as no tissue where it was found, not drawn."""


@dataclass(frozen=True, eq=False)
class TissueMask:
    """Where a slide shows tissue."""

    mask: Mask
    """(h, w)."""
    scale: tuple[float, float]
    """Content pixels per mask pixel, (x, y)."""
    mpp: tuple[float, float]
    """Micrometres per mask pixel, (x, y)."""
    threshold: float | None = None
    """The chroma from which pixels counted; None if the mask was given."""
    unread: Mask | None = None
    """(h, w): where nobody can tell, as nothing could be read; no part of the mask. None: nowhere."""
    any_counts: bool = False
    """Whether any area is tissue, however small, since somebody has drawn it."""

    @property
    def share(self) -> float:
        """The share of the slide's area, 0 to 1."""
        return float(self.mask.mean()) if self.mask.size else 0.0

    @property
    def mm2(self) -> float:
        """The area of the tissue in square millimetres."""
        return float(self.mask.sum()) * self.mpp[0] * self.mpp[1] / 1e6

    @property
    def is_empty(self) -> bool:
        """Whether there is too little tissue to be any."""
        if self.any_counts:
            return not self.mask.any()
        return self.share < LEAST_SHARE or self.mm2 < LEAST_MM2

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line if nobody can tell for a part of the slide."""
        if self.unread is None or not self.unread.any():
            return ()
        share = f"{100 * float(self.unread.mean()):.1f} %"
        return (
            f"{share} of the slide could not be read when tissue was looked for; it may be tissue and counts as such",
        )

    def with_unread(self) -> "TissueMask":
        """Return the mask with what could not be read, which may be tissue."""
        return self if self.unread is None else replace(self, mask=self.mask | self.unread)

    def within(self, region: Mask) -> "TissueMask":
        """Return the part in a region (h, w), of which any counts if there is tissue on the slide."""
        unread = None if self.unread is None else self.unread & region
        any_counts = not self.with_unread().is_empty
        return replace(self, mask=self.mask & region, unread=unread, any_counts=any_counts)

    def with_margin(self, margin_um: float) -> "TissueMask":
        """Return the mask with everything within `margin_um` of the tissue."""
        return TissueMask(grown(self.mask, margin_um, self.mpp), self.scale, self.mpp, self.threshold)

    def touches(self, box: Box, grid: ViewGrid) -> bool:
        """Return whether a box of a view has a pixel of tissue in it."""
        return bool(self.mask[self.part(box, grid)].any())

    def count(self, box: Box, grid: ViewGrid) -> int:
        """Return how many pixels of the mask in a box of a view are tissue."""
        return int(np.count_nonzero(self.mask[self.part(box, grid)]))

    def of_view(self, box: Box, grid: ViewGrid) -> Mask:
        """Return the mask (height, width) for the pixels of a box of a view: of the mask pixel at each one's centre."""
        rows = _indices(box.y, box.height, grid.scale_y / self.scale[1], self.mask.shape[0])
        columns = _indices(box.x, box.width, grid.scale_x / self.scale[0], self.mask.shape[1])
        return self.mask[np.ix_(rows, columns)]

    def polygons(self) -> "Sequence[shapely.Polygon]":
        """Return the outlines in content pixels, with holes, exactly along the pixels of the mask."""
        import shapely

        from nnunetv2.pathology.annotations.stitching import outlines_of_image

        def read(top: int, left: int, height: int, width: int) -> np.ndarray[Any, np.dtype[Any]]:
            return self.mask[top : top + height, left : left + width].astype(np.uint8)

        outlines = [outline.polygon for outline in outlines_of_image(read, *self.mask.shape)]
        return list(shapely.transform(outlines, lambda points: points * self.scale))

    def part(self, box: Box, grid: ViewGrid) -> tuple[slice, slice]:
        """Return the rows and columns of the mask that a box of a view touches."""
        x, y = grid.scale_x / self.scale[0], grid.scale_y / self.scale[1]
        rows = slice(max(0, floor(box.y * y)), max(0, ceil(box.bottom * y)))
        return rows, slice(max(0, floor(box.x * x)), max(0, ceil(box.right * x)))


def find_tissue(slide: Slide, settings: TissueSettings | None = None, reading: Reading = IN_THIS_PROCESS) -> TissueMask:
    """Return where a slide shows tissue; what cannot be read is none, but known.

    Parameters:
        reading: in this process, or in others that are replaced when a decoder hangs.

    Raises MissingPixelSizeError, and UnreadableSlideError if the file has vanished.
    """
    settings = settings or TissueSettings()
    view = slide.view(WORKING_UM, allow_upsampling=True)
    grid, mpp = view.grid, view.mpp
    assert mpp is not None
    pixels, states = reading.whole(small_source(slide, WORKING_UM), view)
    found = coloured_pixels(pixels, states <= PixelState.RESCUED, settings.stain)
    unread = states == PixelState.FAILED
    del pixels, states
    mask = cleaned_mask(found.mask, mpp, settings)
    scale = grid.scale_x, grid.scale_y
    return TissueMask(mask, scale, mpp, found.threshold, unread if unread.any() else None)


def everything(slide: Slide) -> TissueMask:
    """Return a mask that takes the whole slide as tissue, also of a slide of unknown pixel size.

    Its pixels fill the slide, so that their area is that of the slide.
    """
    pixel = slide.pixel_size or PixelSize(1.0, 1.0, "pixels")
    grid = view_grid(slide.levels, pixel, max(WORKING_UM, pixel.x, pixel.y))
    scale = slide.size[0] / grid.width, slide.size[1] / grid.height
    whole = np.broadcast_to(np.True_, (grid.height, grid.width))  # takes no memory
    return TissueMask(whole, scale, (scale[0] * pixel.x, scale[1] * pixel.y), any_counts=True)


def _indices(start: int, count: int, ratio: float, length: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    centres = (np.arange(start, start + count) + 0.5) * ratio
    return np.clip(centres.astype(np.intp), 0, length - 1)
