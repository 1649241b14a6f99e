"""Outlines of the areas of equal label in one block of a label image, along the edges of its pixels.

Areas are exact: an outline encloses just the pixels of its label. Neighbours touch without gaps or overlaps. Pixels
that meet only at a corner belong to different areas.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

Array = np.ndarray[Any, np.dtype[Any]]
Geometries = np.ndarray[Any, np.dtype[np.object_]]

NO_FACE = -1
SIDES = ("top", "bottom", "left", "right")


@dataclass(frozen=True)
class BlockFaces:
    """The areas of one block, each 4-connected and of one label; background has none.

    Coordinates are (x, y) in pixels of the whole image: pixel (row i, column j) covers j..j+1, i..i+1.
    """

    polygons: Geometries
    """(N,) shapely polygons, with holes."""
    labels: Array
    """(N,) label of each."""
    borders: dict[str, Array]
    """Side of the block -> number of the area at each of its border pixels; NO_FACE at background."""


def block_faces(labels: Array, top: int = 0, left: int = 0) -> BlockFaces:
    """Return the areas of a block, (height, width) of unsigned integers, whose corner lies at (top, left).

    No area without foreground.
    """
    if not labels.any():
        return _without_faces(labels.shape)
    lines = shapely.linestrings(_edges(np.pad(labels, 1)))
    polygons = shapely.get_parts(shapely.polygonize(lines))
    inner_x, inner_y = _pixels_inside(polygons)
    values = labels[inner_y, inner_x]
    kept = values != 0
    polygons, values = polygons[kept], values[kept]
    borders = _borders(polygons, labels.shape)
    return BlockFaces(_moved(polygons, top, left), values, borders)


def _without_faces(shape: tuple[int, ...]) -> BlockFaces:
    lengths = {"top": shape[1], "bottom": shape[1], "left": shape[0], "right": shape[0]}
    borders = {side: np.full(lengths[side], NO_FACE) for side in SIDES}
    return BlockFaces(np.empty(0, object), np.empty(0, np.uint8), borders)


def _edges(padded: Array) -> Array:
    """Return the boundaries between labels as the longest straight lines without a node inside, (N, 2, 2) of (x, y).

    A node is a corner of a pixel where the boundary turns or branches. `padded` has a margin of one background pixel.
    """
    height, width = padded.shape[0] - 2, padded.shape[1] - 2
    across = np.zeros((height + 2, width + 1), bool)  # vertical edges, with a row more at both ends
    along = np.zeros((height + 1, width + 2), bool)  # horizontal edges, with a column more at both ends
    np.not_equal(padded[1:-1, :-1], padded[1:-1, 1:], out=across[1:-1])
    np.not_equal(padded[:-1, 1:-1], padded[1:, 1:-1], out=along[:, 1:-1])
    above, below, before, after = across[:-1], across[1:], along[:, :-1], along[:, 1:]
    nodes = above | below
    nodes &= before | after
    nodes |= above != below
    nodes |= before != after
    vertical = _lines(across[1:-1].T, nodes.T)
    horizontal = _lines(along[:, 1:-1], nodes)
    return np.concatenate([vertical[..., ::-1], horizontal]).astype(np.float64)[..., ::-1]


def _lines(edges: Array, nodes: Array) -> Array:
    """Return the lines of edges along axis 1, (N, 2, 2) of (row, column); they begin and end at nodes."""
    first = np.argwhere(edges & nodes[:, :-1])
    last = np.argwhere(edges & nodes[:, 1:])
    last[:, 1] += 1
    return np.stack([first, last], axis=1)


def _pixels_inside(polygons: Geometries) -> tuple[Array, Array]:
    """Return column and row of a pixel of each polygon: the one beside the first edge of its outer ring."""
    rings = shapely.get_exterior_ring(polygons)
    coordinates, owner = shapely.get_coordinates(rings, return_index=True)
    starts = np.searchsorted(owner, np.arange(len(polygons)))
    corner, following = coordinates[starts], coordinates[starts + 1]
    step = np.sign(following - corner)
    inwards = np.stack([-step[:, 1], step[:, 0]], axis=1)
    inwards[~shapely.is_ccw(rings)] *= -1
    inside = np.floor(corner + (step + inwards) / 2).astype(np.int64)
    return inside[:, 0], inside[:, 1]


def _borders(polygons: Geometries, shape: tuple[int, ...]) -> dict[str, Array]:
    """Return the number of the polygon at each border pixel of the block."""
    height, width = shape
    coordinates, owner = shapely.get_coordinates(shapely.get_exterior_ring(polygons), return_index=True)
    start, end = coordinates[:-1].astype(np.int64), coordinates[1:].astype(np.int64)
    same = owner[:-1] == owner[1:]
    borders = {}
    for side, axis, place, length in (
        ("top", 1, 0, width),
        ("bottom", 1, height, width),
        ("left", 0, 0, height),
        ("right", 0, width, height),
    ):
        on_side = np.flatnonzero(same & (start[:, axis] == place) & (end[:, axis] == place))
        borders[side] = np.full(length, NO_FACE)
        for edge in on_side:
            low, high = sorted((start[edge, 1 - axis], end[edge, 1 - axis]))
            borders[side][low:high] = owner[edge]
    return borders


def _moved(polygons: Geometries, top: int, left: int) -> Geometries:
    corner = np.array([left, top], np.float64)
    return shapely.transform(polygons, lambda coordinates: coordinates + corner) if corner.any() else polygons
