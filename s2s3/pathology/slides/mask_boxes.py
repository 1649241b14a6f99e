"""Rectangles that cover the marked pixels of a mask, few also where its outlines are ragged."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nnunetv2.pathology.slides.geometry import Box

Mask = NDArray[np.bool_]

MOST_EXACT = 64
"""With more rectangles, those of whole squares are taken."""
SQUARE_PX = 16


def boxes_of(mask: Mask, x: int = 0, y: int = 0) -> list[Box]:
    """Return rectangles without overlaps that cover a mask (h, w), whose corner lies at (x, y).

    They cover it exactly if no more than MOST_EXACT are needed, else with the rest of each square of 16 pixels.
    """
    if not mask.any():
        return []
    boxes, edge = _rectangles(mask, MOST_EXACT), 1
    if boxes is None:
        boxes, edge = _rectangles(_squares(mask)) or [], SQUARE_PX
    height, width = mask.shape
    scaled = [Box(box.x * edge, box.y * edge, box.width * edge, box.height * edge) for box in boxes]
    inside = [box.within(width, height) for box in scaled]
    return [Box(box.x + x, box.y + y, box.width, box.height) for box in inside]


def _rectangles(mask: Mask, most: int | None = None) -> list[Box] | None:
    """Return the runs of each row, those of equal rows below each other as one; None if there are more than `most`."""
    tops = [0, *(np.flatnonzero((mask[1:] != mask[:-1]).any(axis=1)) + 1)]
    edges = np.diff(np.pad(mask[tops], ((0, 0), (1, 1))).astype(np.int8), axis=1)
    if most is not None and np.count_nonzero(edges > 0) > most:
        return None
    boxes = []
    for (top, bottom), row in zip(pairwise([*tops, len(mask)]), edges, strict=True):
        for start, end in zip(np.flatnonzero(row > 0), np.flatnonzero(row < 0), strict=True):
            boxes.append(Box(int(start), int(top), int(end - start), int(bottom - top)))
    return boxes


def _squares(mask: Mask) -> Mask:
    """Return which squares of a grid have a marked pixel."""
    rows, columns = (np.arange(0, length, SQUARE_PX) for length in mask.shape)
    return np.logical_or.reduceat(np.logical_or.reduceat(mask, rows, axis=0), columns, axis=1)
