"""What all formats of images have in common: pixels as shown, and which arrays can be labels."""

import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from s1.errors import UnfitImageError
from s1.orientation import UPRIGHT

PathLike = str | os.PathLike[str]

COLOUR_CHANNELS = (3, 4)


class Picture(NamedTuple):
    """An image, or a label map, as a viewer shows it."""

    pixels: NDArray[Any]
    """(H, W) or (H, W, 3 | 4)."""
    orientation: int = UPRIGHT
    """Of the tag in the file, 1 to 8; the pixels are already turned."""


def transparent(path: PathLike) -> str:
    """Return the message about pixels that are not opaque."""
    return (
        f"{path}: has transparent pixels, which each viewer shows in a colour of its own; put it on a background and"
        " save it without alpha"
    )


def without_alpha(pixels: NDArray[Any], path: PathLike) -> NDArray[Any]:
    """Return (H, W, 3) of an image of four channels, others unchanged; UnfitImageError for transparent pixels."""
    if pixels.ndim != 3 or pixels.shape[2] != 4:
        return pixels
    opaque = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    if (pixels[..., 3] != opaque).any():
        raise UnfitImageError(transparent(path))
    return np.ascontiguousarray(pixels[..., :3])


def one_value_a_pixel(labels: NDArray[Any], path: PathLike) -> NDArray[Any]:
    """Return labels (H, W); a colour image whose channels are all equal is grey. Raises UnfitImageError for others."""
    if labels.ndim == 3 and labels.shape[2] in COLOUR_CHANNELS and (labels[..., :3] == labels[..., :1]).all():
        labels = without_alpha(labels, path)[..., 0]
    if labels.ndim != 2:
        raise UnfitImageError(
            f"{path}: a label file needs one value per pixel, this one has shape {labels.shape};"
            " save it as an 8- or 16-bit grey image whose values are the labels"
        )
    return labels


def require_label_palette(colours: NDArray[Any], indices: NDArray[Any], path: PathLike) -> None:
    """Refuse an all-grey palette whose greys differ from their indices, because either could be the label.

    Programs that optimise file sizes write such palettes. Index 1 may be white: black-and-white masks are stored so.

    Parameters:
        colours: (n, 3), 0 to 255.
    """
    if (colours != colours[:, :1]).any():
        return
    used = np.unique(indices)
    greys = colours[:, 0].take(used, mode="clip")
    if not ((greys == used) | ((used == 1) & (greys == 255))).all():
        raise UnfitImageError(
            f"{path}: a palette shows the indices {used.tolist()} as the greys {greys.tolist()}, so it is not clear"
            " which of them are the labels; save it as an 8-bit grey image whose values are the labels"
        )
