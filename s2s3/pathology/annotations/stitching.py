"""Outlines of a label image of any size: those of its blocks, joined across the borders between blocks.

Only areas that may go on in a block that has not been read yet are kept; all others leave at once.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely

from nnunetv2.errors import WrongShapeError
from nnunetv2.pathology.annotations.outlines import NO_FACE, Array, BlockFaces, block_faces

BLOCK_PX = 2048

ReadLabels = Callable[[int, int, int, int], Array]
"""(top, left, height, width) -> that window of a label image, (height, width) of unsigned integers."""


@dataclass(frozen=True)
class Outline:
    """One 4-connected area of a label image, enclosed along the edges of its pixels."""

    label: int
    polygon: shapely.Polygon
    """Coordinates (x, y) in pixels; corners only, none on a border between blocks unless the area has one there."""


def outlines_of_image(read_labels: ReadLabels, height: int, width: int, block: int = BLOCK_PX) -> Iterator[Outline]:
    """Yield the outline of every foreground area of a label image, which is read once, block by block, row by row.

    Parameters:
        height, width: of the image, in pixels.
        block: edge of a block, in pixels.
    """
    front = _Front()
    for top in range(0, height, block):
        for left in range(0, width, block):
            shape = (min(block, height - top), min(block, width - left))
            labels = read_labels(top, left, *shape)
            if labels.shape != shape:
                raise WrongShapeError(f"the window at ({top}, {left}) has the shape {labels.shape}, expected {shape}")
            faces = block_faces(labels, top, left)
            yield from front.add(faces, left, is_last=(top + block >= height, left + block >= width))


@dataclass
class _Group:
    """Faces of one area that lie in different blocks."""

    label: int
    polygons: list[shapely.Polygon]
    numbers: list[int]
    """Of its faces."""
    open_borders: int
    """How many borders of its faces have no block on the other side yet."""


@dataclass(frozen=True)
class _Border:
    """The faces along a border of a block."""

    numbers: Array
    """(pixels,) number of the face in the whole image, or NO_FACE."""
    labels: Array
    """(pixels,) their label."""

    def touching(self) -> list[int]:
        """Return the number of each face at the border."""
        return [int(number) for number in np.unique(self.numbers) if number != NO_FACE]


@dataclass
class _Front:
    """The areas that are not finished, and the borders that the next blocks will meet."""

    _groups: dict[int, _Group] = field(default_factory=dict)
    """By the number of the face that represents a group."""
    _parents: dict[int, int] = field(default_factory=dict)
    _bottoms: dict[int, _Border] = field(default_factory=dict)
    """Left end of a block -> its bottom border."""
    _right: _Border | None = None
    _count: int = 0

    def add(self, faces: BlockFaces, left: int, is_last: tuple[bool, bool]) -> Iterator[Outline]:
        """Join the faces of the next block to what they touch, and yield the areas that are finished now.

        Parameters:
            is_last: whether the block is in the last row, and in the last column.
        """
        first = self._count
        self._count += len(faces.polygons)
        borders = {side: _border(faces, side, first) for side in faces.borders}
        ahead = [borders[side] for side, last in zip(("bottom", "right"), is_last, strict=True) if not last]
        behind = [(self._bottoms.pop(left, None), borders["top"]), (self._right, borders["left"])]
        yield from self._register(faces, first, ahead, behind)
        for old, new in behind:
            if old is not None:
                self._join(old, new)
        for old, _ in behind:
            yield from self._close(old.touching() if old is not None else [])
        yield from self._close_new(borders)
        if not is_last[0]:
            self._bottoms[left] = borders["bottom"]
        self._right = None if is_last[1] else borders["right"]

    def _register(
        self, faces: BlockFaces, first: int, ahead: Iterable[_Border], behind: Iterable[tuple[_Border | None, _Border]]
    ) -> Iterator[Outline]:
        """Begin a group for each face that touches another block; yield the others, which are whole areas."""
        open_borders: dict[int, int] = defaultdict(int)
        for border in ahead:
            for number in border.touching():
                open_borders[number] += 1
        for old, border in behind:
            for number in border.touching() if old is not None else ():
                open_borders[number] += 0
        whole, labels = [], []
        for number, (polygon, label) in enumerate(zip(faces.polygons, faces.labels, strict=True), first):
            if number in open_borders:
                self._parents[number] = number
                self._groups[number] = _Group(int(label), [polygon], [number], open_borders[number])
            else:
                whole.append(polygon)
                labels.append(int(label))
        for label, polygon in zip(labels, without_straight_points(whole), strict=True):
            yield Outline(label, polygon)

    def _join(self, old: _Border, new: _Border) -> None:
        meet = (old.numbers != NO_FACE) & (new.numbers != NO_FACE) & (old.labels == new.labels)
        pairs = np.unique(np.stack([old.numbers[meet], new.numbers[meet]], axis=1), axis=0)
        for one, other in pairs.tolist():
            self._unite(self._root(one), self._root(other))

    def _unite(self, root: int, other: int) -> None:
        if root == other:
            return
        kept, merged = self._groups[root], self._groups.pop(other)
        kept.polygons += merged.polygons
        kept.numbers += merged.numbers
        kept.open_borders += merged.open_borders
        self._parents[other] = root

    def _root(self, number: int) -> int:
        root = number
        while self._parents[root] != root:
            root = self._parents[root]
        while self._parents[number] != root:
            self._parents[number], number = root, self._parents[number]
        return root

    def _close(self, numbers: Iterable[int]) -> Iterator[Outline]:
        """Count one border less for each face, and yield the areas for which it was the last."""
        for number in numbers:
            root = self._root(number)
            self._groups[root].open_borders -= 1
            yield from self._finish_if_closed(root)

    def _close_new(self, borders: dict[str, _Border]) -> Iterator[Outline]:
        """Yield the areas of a new block that touched others, but go on nowhere."""
        for side in ("top", "left"):
            for number in borders[side].touching():
                if number in self._parents:
                    yield from self._finish_if_closed(self._root(number))

    def _finish_if_closed(self, root: int) -> Iterator[Outline]:
        group = self._groups[root]
        if group.open_borders:
            return
        del self._groups[root]
        for number in group.numbers:
            del self._parents[number]
        yield Outline(group.label, _united(group.polygons))


def _border(faces: BlockFaces, side: str, first: int) -> _Border:
    numbers = faces.borders[side]
    labels = faces.labels[numbers] if len(faces.labels) else np.zeros(len(numbers), np.uint8)
    return _Border(np.where(numbers == NO_FACE, NO_FACE, numbers + first), labels)


def _united(polygons: list[shapely.Polygon]) -> shapely.Polygon:
    whole: Any = shapely.union_all(polygons) if len(polygons) > 1 else polygons[0]
    return without_straight_points([whole])[0]


def without_straight_points(polygons: Sequence[shapely.Polygon]) -> list[shapely.Polygon]:
    """Return the polygons without vertices at which their outlines do not turn, each beginning at the top left."""
    if not polygons:
        return []
    rings, owners = shapely.get_rings(polygons, return_index=True)
    points, numbers = shapely.get_coordinates(rings, return_index=True)
    is_first = np.diff(numbers, prepend=-1) > 0
    is_repeated = np.roll(is_first, -1)  # the last point of a ring is its first one
    step_in = np.diff(points, axis=0, prepend=points[:1])
    step_in[is_first] = step_in[is_repeated]
    turns = ~is_repeated
    step_in, step_out = step_in[turns], step_in[np.roll(turns, 1)]
    corners = step_in[:, 0] * step_out[:, 1] != step_in[:, 1] * step_out[:, 0]
    points, numbers = points[turns][corners], numbers[turns][corners]
    rings = shapely.linearrings(_from_first_corners(points, numbers), indices=numbers)
    return list(shapely.polygons(rings, indices=owners))


def _from_first_corners(points: Array, numbers: Array) -> Array:
    """Turn each ring until it begins with its topmost, leftmost point: what simplifies a ring depends on its beginning.

    Parameters:
        points, numbers: (N, 2) of (x, y); (N,) the ring of each, ascending.
    """
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    sizes = np.diff(starts, append=len(numbers))
    firsts = np.lexsort((points[:, 0], points[:, 1], numbers))[starts]
    start, size, first = (np.repeat(of_rings, sizes) for of_rings in (starts, sizes, firsts))
    turned: Array = points[start + (np.arange(len(numbers)) - start + first - start) % size]
    return turned
