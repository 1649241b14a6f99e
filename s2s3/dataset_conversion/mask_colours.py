"""Masks whose classes are colours, read as one number a pixel."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from nnunetv2.errors import UnfitImageError
from nnunetv2.imageio.natural_image_files import read_label_picture, read_picture
from s1.picture import Picture, without_alpha

Colour = int
"""0xRRGGBB."""


def read_mask(path: str, colours: Mapping[Colour, int]) -> Picture:
    """Return the labels (H, W) of a mask: its values, or if there are `colours`, the number of each pixel's colour.

    Raises UnfitImageError for a colour that is not among them, otherwise as read_label_picture and read_picture.
    """
    if not colours:
        return read_label_picture(path)
    shown = read_picture(path)
    packed = packed_colours(shown.pixels, path)
    known = np.array(sorted(colours), np.uint32)
    places = np.searchsorted(known, packed).clip(max=len(known) - 1)
    if (known[places] != packed).any():
        other = int(packed[known[places] != packed][0])
        raise UnfitImageError(f"{path}: holds the colour {hex_code(other)}, which is none of the classes; run it again")
    return shown._replace(pixels=np.array([colours[int(colour)] for colour in known], np.uint16)[places])


def packed_colours(pixels: NDArray[np.generic], path: str) -> NDArray[np.uint32]:
    """Return the colours (H, W) of a picture (H, W) or (H, W, 3 | 4). Raises UnfitImageError for more than 8 bits."""
    opaque = without_alpha(pixels, path)
    if opaque.dtype == bool:
        opaque = opaque.astype(np.uint8) * 255
    if opaque.dtype != np.uint8:
        raise UnfitImageError(f"{path}: {opaque.dtype} values, expected colours of 8 bits; save it as 8-bit RGB")
    parts: NDArray[np.uint32] = opaque.astype(np.uint32)
    red, green, blue = (parts, parts, parts) if parts.ndim == 2 else np.moveaxis(parts, -1, 0)
    return np.asarray(red << 16 | green << 8 | blue, np.uint32)


def hex_code(colour: Colour) -> str:
    """Return a colour as on web pages: #ff0000."""
    return f"#{colour:06x}"
