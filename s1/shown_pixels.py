"""The one way in which stage 1, the readers of training and `drift convert` read images of two dimensions."""

import os

from s1.errors import UnfitImageError
from s1.picture import COLOUR_CHANNELS, Picture
from s1.pillow_files import read_labels_with_pillow, read_with_pillow, size_with_pillow
from s1.tiff_files import is_tiff, read_tiff, read_tiff_labels, tiff_size

PathLike = str | os.PathLike[str]


def read_shown_pixels(path: PathLike) -> Picture:
    """Read an image as a viewer shows it: (H, W), or (H, W, 3 | 4) with colours, and alpha as the fourth channel.

    Orientation tags are followed; where zero is white, values are inverted; palettes become RGB; grey values keep 16
    bits, those of fewer than 8 are spread to 0 ... 255; black-and-white is 0 and 1. Colour profiles are not applied.

    Raises UnfitImageError for several images in one file, colours other than RGB, and transparent colours of a palette;
    FileNotFoundError; whatever Pillow or tifffile raise for damaged files.
    """
    picture = read_tiff(path) if is_tiff(path) else read_with_pillow(path)
    pixels = picture.pixels
    if pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[-1] in COLOUR_CHANNELS):
        return picture
    raise UnfitImageError(
        f"{path}: array of shape {pixels.shape}; expected a 2D image that is grey, RGB or RGBA"
        " (grey with alpha and stacks of pages are not supported)"
    )


def read_shown_labels(path: PathLike) -> Picture:
    """Read labels (H, W): the values of a grey image or of equal colour channels, the indices of a palette.

    Raises UnfitImageError for colours, JPEG, and files that leave open which numbers are the labels, otherwise as
    read_shown_pixels.
    """
    return read_tiff_labels(path) if is_tiff(path) else read_labels_with_pillow(path)


def shown_image_size(path: PathLike) -> tuple[int, int]:
    """Return height and width as shown. Raises as read_shown_pixels does."""
    return tiff_size(path) if is_tiff(path) else size_with_pillow(path)
