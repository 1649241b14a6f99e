"""The colours of an image that can become the darkest or brightest of a channel by a change of stain.

Such a change is affine in the logarithms of values + 1, so the extremes of every changed channel are among the corners
of the convex hull of the image's colours in these logarithms.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from nnunetv2.pathology.stain.pixel_pieces import PictureRows, pixel_pieces

MOST_COLOURS = 4096
_LEVELS = 256

Image = npt.NDArray[Any]


def extreme_colours(image: Image | PictureRows) -> npt.NDArray[np.float32]:
    """Return the corners of the hull as (3, n) values, at most MOST_COLOURS.

    Parameters:
        image: (3, N) or (3, x, y, z) values of 0 to 255, at least one pixel.

    In the unlikely case of more corners, the extremes of the channels themselves are kept and others left out.
    """
    colours = _distinct(image)
    if len(colours) > MOST_COLOURS:
        colours = colours[_corners(np.log1p(colours.astype(np.float64)))]
    if len(colours) > MOST_COLOURS:
        needed = np.unique(np.concatenate([colours.argmin(axis=0), colours.argmax(axis=0)]))
        others = np.linspace(0, len(colours) - 1, MOST_COLOURS - len(needed)).astype(np.intp)
        colours = colours[np.union1d(needed, others)]
    return np.ascontiguousarray(colours.T, dtype=np.float32)


def _distinct(image: Image | PictureRows) -> Image:
    """Return each colour once, (n, 3); colours that are no whole numbers all."""
    present = np.zeros(_LEVELS**3, dtype=np.bool_)
    for flat in pixel_pieces(image):
        whole = flat.astype(np.uint8)
        if not np.array_equal(whole, flat):
            return np.concatenate(list(pixel_pieces(image)), axis=1).T
        present[(whole[0].astype(np.int32) * _LEVELS + whole[1]) * _LEVELS + whole[2]] = True
    return np.stack(np.unravel_index(np.flatnonzero(present), (_LEVELS,) * 3), axis=1).astype(np.float32)


def _corners(points: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    from scipy.spatial import ConvexHull, QhullError

    try:
        return np.asarray(ConvexHull(points).vertices)
    except QhullError:  # all on a plane; points are then moved a little
        return np.asarray(ConvexHull(points, qhull_options="QJ").vertices)
