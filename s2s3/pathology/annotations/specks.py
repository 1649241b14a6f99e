"""Leaves out of label images what their outlines would not show, before these are drawn."""

from collections.abc import Iterable

import numpy as np

from nnunetv2.pathology.annotations.outlines import Array


def without_specks(labels: Array, min_area: float) -> Array:
    """Return a window of a label image without the areas that are smaller than a number of pixels.

    Areas, 4-connected and of one label, that touch the border of the window stay, as they may go on beyond it. No
    other area changes: where a speck was is background, so that what surrounds it keeps its hole.

    Parameters:
        labels: (height, width), 0 is background.
    """
    if min_area <= 1 or not labels.any():
        return labels
    from skimage.measure import label  # takes a second to import

    areas = label(labels, background=0, connectivity=1)
    is_small = np.bincount(areas.ravel()) < min_area
    for border in (areas[0], areas[-1], areas[:, 0], areas[:, -1]):
        is_small[border] = False
    return np.where(is_small[areas], 0, labels).astype(labels.dtype, copy=False)


def only_labels(labels: Array, shown: Iterable[int]) -> Array:
    """Return a label image in which all other labels are background."""
    return np.where(np.isin(labels, list(shown)), labels, 0).astype(labels.dtype, copy=False)
