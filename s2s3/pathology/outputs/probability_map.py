"""Maps of the probability of classes on a slide, coarser than its labels: written, read, and averaged over objects."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType

import numpy as np
import shapely

from nnunetv2 import drift_version
from nnunetv2.errors import AnnotationError, ArgumentError
from nnunetv2.file_kinds.slide_files import PROBABILITIES_DESCRIPTION
from nnunetv2.foundation.files import raise_problems
from nnunetv2.pathology.annotations.label_tiff import LabelPyramid
from nnunetv2.pathology.annotations.rasterise import pixels_inside
from nnunetv2.pathology.outputs.band_layout import BAND_HEIGHT_PX
from nnunetv2.pathology.outputs.label_reduction import Array
from nnunetv2.pathology.outputs.ome_pyramid import TILE_PX, OmeImage, ReadPlane, write_ome_pyramid

PROBABILITIES_NAME = "probabilities.ome.tif"
ONE = 255
"""What stands for the probability 1."""
_COARSER_BY_DEFAULT = 4
_PART_PX = 4 * TILE_PX
_CACHED_TILES = 128


@dataclass(frozen=True)
class ProbabilityGrid:
    """Which probabilities are kept, and how much coarser than the labels.

    Parameters:
        classes: names, in the order of the channels of the map.
        channels: of the network's output, for each class.
        factor: pixels of the label image along the edge of one pixel of the map, a power of 2 up to 1024.
    """

    classes: tuple[str, ...]
    channels: tuple[int, ...]
    factor: int


def coarsening(mpp: float, wanted_mpp: float | None) -> int:
    """Return the power of 2 up to 1024 that makes pixels of `mpp` closest to `wanted_mpp`; 4 for None.

    Powers of 2, so that no pixel of the map lies in two bands. Raises ArgumentError for less than the labels' own.
    """
    if wanted_mpp is None:
        return _COARSER_BY_DEFAULT
    if not 0.7 * mpp <= wanted_mpp < 1e6:
        raise ArgumentError(f"--probability_mpp {wanted_mpp:g}: expected at least the {mpp:g} um of the label image")
    return int(2 ** np.clip(np.rint(np.log2(wanted_mpp / mpp)), 0, np.log2(BAND_HEIGHT_PX)))


def mean_of_pairs(values: Array) -> Array:
    """Return an 8-bit image of half the size, rounded down; each pixel is the rounded mean of its 2 x 2."""
    height, width = values.shape[0] // 2, values.shape[1] // 2
    blocks = values[: 2 * height, : 2 * width].reshape(height, 2, width, 2).astype(np.uint16)
    mean: Array = ((blocks.sum(axis=(1, 3)) + 2) // 4).astype(np.uint8)
    return mean


def write_probability_map(
    read: ReadPlane,
    size: tuple[int, int],
    mpp: tuple[float, float],
    grid: ProbabilityGrid,
    slide: str,
    model: str,
    target: Path,
) -> None:
    """Write a map as OME-TIFF: one channel a class, 255 for 1.

    Parameters:
        size: height and width of the map.
        mpp: micrometres per pixel of the map, (x, y).
    """
    about = {"classes": list(grid.classes), "factor": grid.factor, "model": model, "drift": drift_version.DRIFT}
    image = OmeImage(read, *size, np.uint8, mean_of_pairs, slide, mpp, about, grid.classes, is_stack=True)
    write_ome_pyramid(image, target)


@contextmanager
def opened_map(folder: Path) -> "Iterator[ProbabilityMap | None]":
    """Open the map in the folder of a slide, None if there is none. Raises as ProbabilityMap."""
    if not (folder / PROBABILITIES_NAME).exists():
        yield None
        return
    with ProbabilityMap(folder / PROBABILITIES_NAME) as opened:
        yield opened


class ProbabilityMap:
    """A map on the disk; a context manager. Raises AnnotationError or InvalidValueError for a damaged file."""

    def __init__(self, path: Path):
        self._path = path
        self._planes = [LabelPyramid(path)]
        try:
            about = self._planes[0].description
            raise_problems(PROBABILITIES_DESCRIPTION.schema.problems(about), path, PROBABILITIES_DESCRIPTION)
            self.classes: tuple[str, ...] = tuple(about["classes"])
            self.factor: int = about["factor"]
            self._planes += [LabelPyramid(path, plane) for plane in range(1, len(self.classes))]
        except BaseException:
            self.close()
            raise
        self._tile = lru_cache(_CACHED_TILES)(self._read_tile)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self._planes[0].sizes[0]

    def require_size_of(self, height: int, width: int) -> None:
        """Raise AnnotationError if the map is not of a label image of this size."""
        expected = (-(-height // self.factor), -(-width // self.factor))
        if self.size != expected:
            raise AnnotationError(
                f"{self._path}: {self.size} pixels, expected {expected}; is it of another prediction?"
            )

    def read(self, plane: int, top: int, left: int, height: int, width: int) -> Array:
        """Return a window of the channel of a class."""
        return self._planes[plane].read(top, left, height, width)

    def mean(self, class_name: str, polygon: shapely.Polygon) -> float | None:
        """Return the mean probability of a class, 0..1, in an area; None for a class that the map lacks.

        It is that of the pixels of the map whose centre lies inside or, without any, of the one below the area.

        Parameters:
            polygon: in pixels of the label image.
        """
        if class_name not in self.classes:
            return None
        plane = self.classes.index(class_name)
        total, count = 0, 0
        for top, left, height, width in self._parts(polygon):
            inside = pixels_inside(polygon, (height, width), (left, top), (self.factor, self.factor))
            total += int(self._window(plane, top, left, height, width)[inside].sum(dtype=np.int64))
            count += int(np.count_nonzero(inside))
        if not count:
            (x, y), (rows, columns) = polygon.representative_point().coords[0], self.size
            at = (min(int(y / self.factor), rows - 1), min(int(x / self.factor), columns - 1))
            total, count = int(self._window(plane, *at, 1, 1)[0, 0]), 1
        return total / count / ONE

    def close(self) -> None:
        """Close the file."""
        for plane in self._planes:
            plane.close()

    def __enter__(self) -> "ProbabilityMap":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def _parts(self, polygon: shapely.Polygon) -> Sequence[tuple[int, int, int, int]]:
        """Return the windows (top, left, height, width) that cover an area, none of them large."""
        low_x, low_y, high_x, high_y = (value / self.factor for value in polygon.bounds)
        rows, columns = self.size
        top, left = max(0, int(low_y)), max(0, int(low_x))
        bottom, right = min(rows, int(np.ceil(high_y))), min(columns, int(np.ceil(high_x)))
        return [
            (y, x, min(_PART_PX, bottom - y), min(_PART_PX, right - x))
            for y in range(top, bottom, _PART_PX)
            for x in range(left, right, _PART_PX)
        ]

    def _window(self, plane: int, top: int, left: int, height: int, width: int) -> Array:
        """Return a window, put together from tiles that stay in memory for the objects beside."""
        window = np.empty((height, width), np.uint8)
        for row in range(top // TILE_PX, -(-(top + height) // TILE_PX)):
            for column in range(left // TILE_PX, -(-(left + width) // TILE_PX)):
                y, x = row * TILE_PX, column * TILE_PX
                tile = self._tile(plane, row, column)
                first_y, first_x = max(y, top), max(x, left)
                end_y, end_x = min(y + tile.shape[0], top + height), min(x + tile.shape[1], left + width)
                part = tile[first_y - y : end_y - y, first_x - x : end_x - x]
                window[first_y - top : end_y - top, first_x - left : end_x - left] = part
        return window

    def _read_tile(self, plane: int, row: int, column: int) -> Array:
        rows, columns = self.size
        top, left = row * TILE_PX, column * TILE_PX
        return self.read(plane, top, left, min(TILE_PX, rows - top), min(TILE_PX, columns - left))
