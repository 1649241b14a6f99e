"""A slide as one image at a given pixel size: a level as it is, or resampled so that it does not matter how it is cut.

The filter is a triangle, widened by the factor when it makes smaller (antialiased bilinear). Pillow takes the corners
of a window as 32-bit numbers, so that some pixels would depend on the window by one grey level; therefore the cells of
a fixed grid are computed one by one, each always as a whole.
"""

from collections.abc import Callable, Iterator, Sequence
from math import log2

import numpy as np

from nnunetv2.pathology.slides.geometry import Box, Level, PixelSize, ViewGrid, cells, cells_of, level_box, view_grid
from nnunetv2.pathology.slides.slide_reader import Pixels, Valid

BLOCK_PX = 1024
"""Edge of the blocks in which a view is read, in view pixels, on a grid from (0, 0)."""
_LARGEST_READ_PX = 4096
"""Edge of what is read from a level at once; 50 MB."""
_CELL_PX = 256
"""Edge of what is resampled at once, in view pixels on a grid from (0, 0)."""
_HALF = 128

ReadLevel = Callable[[int, Box], tuple[Pixels, Valid]]


class SlideView:
    """A slide at one pixel size.

    Attributes:
        grid: level, factors, size, and content pixels per view pixel.
        width, height: of the view.
        mpp: true micrometres per view pixel, (x, y); None for a slide of unknown pixel size.
    """

    def __init__(self, levels: Sequence[Level], read_level: ReadLevel, grid: ViewGrid, pixel: PixelSize | None = None):
        self.grid = grid
        self.width, self.height = grid.width, grid.height
        self.mpp = (grid.scale_x * pixel.x, grid.scale_y * pixel.y) if pixel else None
        level = next(level for level in levels if level.index == grid.level)
        self._level_size = level.width, level.height
        self._read_level = read_level
        self._edge = _edge_of_reads(max(grid.factor_x, grid.factor_y))
        self._cell = min(_CELL_PX, self._edge)

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line if the view is enlarged, so shows no more detail than the slide has."""
        factor = min(self.grid.factor_x, self.grid.factor_y)
        return (f"the slide is coarser than asked for: its pixels are enlarged {1 / factor:.3g} times",) * (factor < 1)

    def read(self, x: int, y: int, width: int, height: int) -> tuple[Pixels, Valid]:
        """Return the pixels (height, width, 3) of a window and which of them the scanner took (height, width).

        The others are white, as is what lies outside the view. Raises UnreadableSlideError.
        """
        box = Box(x, y, width, height)
        inside = box.within(self.width, self.height)
        if self.grid.is_level and inside == box and max(box.width, box.height) <= self._edge:
            return self._read_level(self.grid.level, box)
        pixels, valid = blank(box)
        if inside.width and inside.height:
            for piece in cells_of(inside, self._edge):
                target = np.s_[piece.y - y : piece.bottom - y, piece.x - x : piece.right - x]
                pixels[target], valid[target] = self._read_piece(piece)
        return pixels, valid

    def blocks(self) -> Iterator[Box]:
        """Yield the fixed blocks of the view, row by row; those at the right and lower border are smaller."""
        return cells(self.width, self.height, BLOCK_PX)

    def _read_piece(self, box: Box) -> tuple[Pixels, Valid]:
        """Return a box in one square of the grid of reads."""
        if self.grid.is_level:
            return self._read_level(self.grid.level, box)
        cells = self._whole_cells(box)
        source = level_box(self.grid, cells, self._level_size)
        level = self._read_level(self.grid.level, source)
        pixels, valid = blank(cells)
        for cell in cells_of(cells, self._cell):
            pixels[_inside(cells, cell)], valid[_inside(cells, cell)] = self._resampled(cell, source, level)
        return pixels[_inside(cells, box)], valid[_inside(cells, box)]

    def _whole_cells(self, box: Box) -> Box:
        left, top = (start // self._cell * self._cell for start in (box.x, box.y))
        right, bottom = (-(-end // self._cell) * self._cell for end in (box.right, box.bottom))
        return Box(left, top, right - left, bottom - top).within(self.width, self.height)

    def _resampled(self, cell: Box, source: Box, level: tuple[Pixels, Valid]) -> tuple[Pixels, Valid]:
        needed = level_box(self.grid, cell, self._level_size)
        part = _inside(source, needed)
        pixels, valid = np.ascontiguousarray(level[0][part]), np.ascontiguousarray(level[1][part])
        return _resampled(pixels, valid, cell, needed, self.grid)


def thumbnail_grid(levels: Sequence[Level], largest_px: int) -> ViewGrid:
    """Return the grid of a whole slide at no more than `largest_px` pixels in width and height."""
    factor = max(1.0, levels[0].width / largest_px, levels[0].height / largest_px)
    return view_grid(levels, PixelSize(1.0, 1.0, "pixels"), factor, tolerance=0)


def finest_grid(levels: Sequence[Level]) -> ViewGrid:
    """Return the grid of the finest level as it is."""
    return view_grid(levels, PixelSize(1.0, 1.0, "pixels"), 1.0)


def blank(box: Box) -> tuple[Pixels, Valid]:
    """Return white pixels, none of them valid, of the size of a box."""
    return np.full((box.height, box.width, 3), 255, np.uint8), np.zeros((box.height, box.width), bool)


def padded(part: tuple[Pixels, Valid] | None, inside: Box, box: Box) -> tuple[Pixels, Valid]:
    """Return the pixels of a box of which only the part `inside` exists; the rest is white and not valid."""
    pixels, valid = blank(box)
    if part is not None:
        target = np.s_[inside.y - box.y : inside.bottom - box.y, inside.x - box.x : inside.right - box.x]
        pixels[target], valid[target] = part
    return pixels, valid


def _inside(whole: Box, part: Box) -> tuple[slice, slice]:
    """Return rows and columns of a part of an image."""
    left, top = part.x - whole.x, part.y - whole.y
    return np.s_[top : top + part.height, left : left + part.width]


def _edge_of_reads(factor: float) -> int:
    """Return the edge, a power of two in view pixels, of pieces that need no more than the largest read."""
    return int(2 ** max(0, int(log2(max(1.0, _LARGEST_READ_PX / factor)))))


def _resampled(pixels: Pixels, valid: Valid, box: Box, source: Box, grid: ViewGrid) -> tuple[Pixels, Valid]:
    """Return a box of the view from the level pixels of `source`; half of a valid pixel's weight has to be valid."""
    columns = _span(box.x, box.right, grid.factor_x, source.x, source.width)
    rows = _span(box.y, box.bottom, grid.factor_y, source.y, source.height)
    colours = _resized(pixels, box, columns, rows)
    if valid.all():
        return colours, np.ones(colours.shape[:2], bool)
    return colours, _resized(valid.astype(np.uint8) * 255, box, columns, rows) >= _HALF


def _span(start: int, end: int, factor: float, first: int, length: int) -> tuple[float, float]:
    """Return where view pixels lie in a cut-out of a level that starts at `first`."""
    return max(0.0, start * factor - first), min(float(length), end * factor - first)


def _resized(image: Pixels, box: Box, columns: tuple[float, float], rows: tuple[float, float]) -> Pixels:
    """Return an image in two passes of which Pillow would choose the order by the shape of the window."""
    from PIL import Image

    bilinear, height = Image.Resampling.BILINEAR, image.shape[0]
    wide = Image.fromarray(image).resize((box.width, height), bilinear, (columns[0], 0, columns[1], height))
    return np.array(wide.resize((box.width, box.height), bilinear, (0, rows[0], box.width, rows[1])))
