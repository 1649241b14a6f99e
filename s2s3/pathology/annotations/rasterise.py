"""Draws areas into label images, exactly: a pixel belongs to an area if its centre lies inside."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import DTypeLike

from nnunetv2.errors import CallError
from nnunetv2.pathology.annotations.annotation_set import Area, Array

Scale = tuple[float, float]


class DrawnAreas:
    """Areas that are drawn over each other in their order, window by window of an image.

    Parameters:
        areas: in pixels of the slide, valid.
        values: of each area, in the drawn image.
        scale: pixels of the slide per pixel of the drawn image, (x, y).
    """

    def __init__(self, areas: Sequence[Area], values: Sequence[int], scale: Scale = (1.0, 1.0)):
        if len(areas) != len(values) or min(scale) <= 0:
            raise CallError(f"{len(areas)} areas, {len(values)} values, scale {scale}: expected as many, and above 0")
        self._areas, self._values, self._scale = list(areas), list(values), scale
        self._tree = shapely.STRtree(self._areas)

    def draw(
        self, top: int, left: int, height: int, width: int, background: int = 0, dtype: DTypeLike = np.uint8
    ) -> Array:
        """Return a window of the drawn image, (height, width); only areas that it touches take time.

        Parameters:
            top, left: of the window, in pixels of the drawn image.
            background: value where no area is.
        """
        window = np.full((height, width), background, dtype)
        x, y = self._scale
        box = shapely.box(left * x, top * y, (left + width) * x, (top + height) * y)
        for number in sorted(self._tree.query(box)):
            area = self._areas[number]
            rows, columns = _touched(area, (height, width), (left, top), self._scale)
            part = window[rows, columns]
            corner = (left + columns.start, top + rows.start)
            part[pixels_inside(area, part.shape, corner, self._scale)] = self._values[number]
        return window


def pixels_inside(
    area: Area, shape: tuple[int, int], corner: tuple[int, int] = (0, 0), scale: Scale = (1.0, 1.0)
) -> Array:
    """Return the pixels of a window whose centre lies inside an area, bool, (height, width).

    A centre on the outline counts as inside on the left and upper side of an area, so neighbours never share a pixel.

    Parameters:
        area: valid, in pixels of the slide.
        corner: of the window, (x, y), in pixels of the drawn image.
        scale: pixels of the slide per pixel of the drawn image, (x, y).
    """
    height, width = shape
    start, end = _edges(area, corner, scale)
    low, high = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
    first_row = np.clip(np.ceil(low - 0.5), 0, height).astype(np.int64)
    end_row = np.clip(np.ceil(high - 0.5), 0, height).astype(np.int64)
    rows_of_edge = end_row - first_row
    edge = np.repeat(np.arange(len(start)), rows_of_edge)
    within = np.arange(len(edge)) - np.repeat(np.cumsum(rows_of_edge) - rows_of_edge, rows_of_edge)
    rows = first_row[edge] + within
    (x0, y0), (x1, y1) = start[edge].T, end[edge].T
    crossing = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
    columns = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.int64)
    crossings = np.bincount(rows * (width + 1) + columns, minlength=height * (width + 1))
    inside: Array = np.cumsum(crossings.reshape(height, width + 1), axis=1)[:, :width] % 2 == 1
    return inside


def _touched(area: Area, shape: tuple[int, int], corner: tuple[int, int], scale: Scale) -> tuple[slice, slice]:
    """Return the rows and columns of a window that the box around an area covers."""
    left, top, right, bottom = area.bounds
    rows = _span(top / scale[1] - corner[1], bottom / scale[1] - corner[1], shape[0])
    return rows, _span(left / scale[0] - corner[0], right / scale[0] - corner[0], shape[1])


def _span(low: float, high: float, length: int) -> slice:
    first, end = np.clip([np.floor(low), np.ceil(high)], 0, length).astype(int).tolist()
    return slice(first, end)


def _edges(area: Area, corner: tuple[int, int], scale: Scale) -> tuple[Array, Array]:
    """Return where each edge of an area begins and ends, (N, 2) each, in pixels of the window."""
    rings: Any = shapely.get_rings(shapely.get_parts(area))
    points, ring = shapely.get_coordinates(rings, return_index=True)
    placed = points / np.array(scale) - np.array(corner)
    same = ring[:-1] == ring[1:]
    return placed[:-1][same], placed[1:][same]
