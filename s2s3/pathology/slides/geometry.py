"""Levels, scales and frames of a slide, in numbers only.

Three frames, each with its origin in the upper left corner and x to the right:
    content  pixels of the finest level, counted from the corner of the scanned area, as viewers show them
    level    pixels of one level of the file, of the same area
    view     pixels of the slide at the pixel size of a model
Edges map to edges: the view's (x, y) is the content's (x * scale_x, y * scale_y).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor

TOLERANCE = 0.02
"""Relative difference of pixel sizes below which a level is used as it is."""


@dataclass(frozen=True)
class PixelSize:
    """Micrometres per pixel of the finest level, and who says so."""

    x: float
    y: float
    source: str

    @property
    def mean(self) -> float:
        """The mean of both axes, micrometres."""
        return (self.x + self.y) / 2


@dataclass(frozen=True)
class Level:
    """One image of a pyramid; width and height in its own pixels."""

    index: int
    width: int
    height: int
    downsample: float
    """Pixels of the finest level along the edge of one pixel, from the sizes: the mean of both axes."""


@dataclass(frozen=True)
class Box:
    """A rectangle of whole pixels in any frame."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column behind it."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.y + self.height

    def contains(self, other: "Box") -> bool:
        """Return whether another box lies within."""
        return self.around(other) == self

    def around(self, other: "Box") -> "Box":
        """Return the smallest box in which both lie."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        return Box(x, y, max(self.right, other.right) - x, max(self.bottom, other.bottom) - y)

    def within(self, width: int, height: int) -> "Box":
        """Return the part of it that lies in an image of this size; its width or height may become 0."""
        x, y = min(max(self.x, 0), width), min(max(self.y, 0), height)
        return Box(x, y, max(0, min(self.right, width) - x), max(0, min(self.bottom, height) - y))


@dataclass(frozen=True)
class ViewGrid:
    """How a view is made from a level: view pixel (i, j) is centred on level coordinate ((i + 0.5) * factor - 0.5)."""

    level: int
    """Index of the level."""
    factor_x: float
    """Level pixels per view pixel; 1 if the level is used as it is."""
    factor_y: float
    width: int
    height: int
    scale_x: float
    """Content pixels per view pixel: the level's true downsample times the factor."""
    scale_y: float

    @property
    def is_level(self) -> bool:
        """Whether the view is the level itself, without resampling."""
        return self.factor_x == self.factor_y == 1


def make_level(index: int, size: tuple[int, int], finest: tuple[int, int]) -> Level:
    """Return a level by its size and that of the finest level, (width, height) each."""
    width, height = size
    return Level(index, width, height, (finest[0] / width + finest[1] / height) / 2)


def choose_level(levels: Sequence[Level], pixel_um: float, target_um: float, tolerance: float = TOLERANCE) -> Level:
    """Return the coarsest level whose pixels are not larger than the target; the finest if all are.

    Parameters:
        levels: at least one.
        pixel_um: micrometres per pixel of the finest level.
        tolerance: by which share a level may be coarser than the target.
    """
    fine_enough = [level for level in levels if level.downsample * pixel_um <= target_um * (1 + tolerance)]
    if not fine_enough:
        return min(levels, key=lambda level: level.downsample)
    return max(fine_enough, key=lambda level: level.downsample)


def next_levels(levels: Sequence[Level], used: Level) -> list[Level]:
    """Return the next finer and the next coarser level, as far as there are such."""
    finer = [level for level in levels if level.downsample < used.downsample]
    coarser = [level for level in levels if level.downsample > used.downsample]
    return [
        *sorted(finer, key=lambda level: -level.downsample)[:1],
        *sorted(coarser, key=lambda level: level.downsample)[:1],
    ]


def view_grid(levels: Sequence[Level], pixel: PixelSize, target_um: float, tolerance: float = TOLERANCE) -> ViewGrid:
    """Return the grid of a slide at `target_um` micrometres per pixel. Factors below 1 enlarge."""
    level = choose_level(levels, max(pixel.x, pixel.y), target_um, tolerance)
    factor_x, factor_y = (
        1.0 if abs(factor - 1) <= tolerance else factor
        for factor in (target_um / (level.downsample * pixel.x), target_um / (level.downsample * pixel.y))
    )
    return ViewGrid(
        level.index,
        factor_x,
        factor_y,
        max(1, floor(level.width / factor_x)),
        max(1, floor(level.height / factor_y)),
        level.downsample * factor_x,
        level.downsample * factor_y,
    )


def regrid(grid: ViewGrid, level: Level) -> ViewGrid:
    """Return the grid of the same view, read from another level."""
    return ViewGrid(
        level.index,
        grid.scale_x / level.downsample,
        grid.scale_y / level.downsample,
        grid.width,
        grid.height,
        grid.scale_x,
        grid.scale_y,
    )


def level_box(grid: ViewGrid, view: Box, level_size: tuple[int, int]) -> Box:
    """Return the level pixels from which a box of the view is computed, with a margin for the filter.

    Without resampling it is the same box. It never reaches over the level's borders.
    """
    x, width = _level_range(view.x, view.right, grid.factor_x, level_size[0])
    y, height = _level_range(view.y, view.bottom, grid.factor_y, level_size[1])
    return Box(x, y, width, height)


def _level_range(start: int, end: int, factor: float, length: int) -> tuple[int, int]:
    """Return first pixel and number of pixels of one axis."""
    margin = 0 if factor == 1 else ceil(factor) + 2
    first = min(max(0, floor(start * factor) - margin), length - 1)
    return first, max(1, min(length, ceil(end * factor) + margin) - first)


def cells(width: int, height: int, edge: int) -> Iterator[Box]:
    """Yield the squares of a grid from (0, 0) over an image, row by row; the last ones may be smaller."""
    for y in range(0, height, edge):
        for x in range(0, width, edge):
            yield Box(x, y, edge, edge).within(width, height)


def cells_of(box: Box, edge: int) -> Iterator[Box]:
    """Yield the parts of a box that lie in different squares of a grid from (0, 0), row by row."""
    for y in range(box.y // edge * edge, box.bottom, edge):
        for x in range(box.x // edge * edge, box.right, edge):
            left, top = max(x, box.x), max(y, box.y)
            yield Box(left, top, min(x + edge, box.right) - left, min(y + edge, box.bottom) - top)
