"""Leaves out of label images what their outlines would not show, before these are drawn."""

from collections.abc import Iterable

import numpy as np

from nnunetv2.pathology.annotations.label_counts import occurrences
from nnunetv2.pathology.annotations.outlines import Array

_ROWS_AT_ONCE = 256
"""Looking up takes eight bytes a pixel."""


def without_specks(labels: Array, min_area: float) -> Array:
    """Return a window of a label image without the areas that are smaller than a number of pixels.

    Areas, 4-connected and of one label, that touch the border of the window stay, as they may go on beyond it. No
    other area changes: where a speck was is background, so that what surrounds it keeps its hole.

    Parameters:
        labels: (height, width), 0 is background.
    """
    if min_area <= 1 or not labels.any():
        return labels
    import cc3d

    areas, count = cc3d.connected_components(labels, connectivity=4, return_N=True)
    is_small = occurrences(areas, count + 1) < min_area
    for no_speck in (0, areas[0], areas[-1], areas[:, 0], areas[:, -1]):
        is_small[no_speck] = False
    return _without(labels, areas, is_small) if is_small.any() else labels


def only_labels(labels: Array, shown: Iterable[int]) -> Array:
    """Return a label image in which all other labels are background."""
    is_shown = np.zeros(labels.shape, bool)
    for value in shown:
        is_shown |= labels == value
    return labels * is_shown


def _without(labels: Array, areas: Array, is_left_out: Array) -> Array:
    """Return labels in which some areas are background."""
    kept = labels.copy()
    for first in range(0, len(labels), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        kept[rows][is_left_out[areas[rows]]] = 0
    return kept
