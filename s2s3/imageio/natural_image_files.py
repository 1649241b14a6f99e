"""Reads the pixels of PNG, BMP, TIFF and JPEG files, unscaled, and writes labels."""

import numpy as np

from nnunetv2.errors import ImageProblemError
from nnunetv2.foundation.files import replacing
from nnunetv2.imageio.reading_errors import reading
from s1.picture import COLOUR_CHANNELS, Picture
from s1.shown_pixels import read_shown_labels, read_shown_pixels

__all__ = [
    "COLOUR_CHANNELS",
    "read_label_picture",
    "read_label_pixels",
    "read_picture",
    "read_pixels",
    "write_label_pixels",
]


def read_picture(path: str) -> Picture:
    """Return (H, W) or (H, W, 3 | 4) as a viewer shows it, with the orientation tag that was followed.

    Raises MissingFileError, ImageProblemError for a file that cannot be read or does not fit into memory,
    UnfitImageError for other dimensions, channels or colour spaces.
    """
    with reading(path):
        return read_shown_pixels(path)


def read_label_picture(path: str) -> Picture:
    """Return the labels (H, W) of a grey, black-and-white or palette file; the labels of a palette are its indices.

    Raises UnfitImageError for colour and JPEG files and ambiguous values, otherwise the same errors as read_picture.
    """
    with reading(path):
        return read_shown_labels(path)


def read_pixels(path: str) -> np.ndarray:
    """Return the pixels of read_picture."""
    return read_picture(path).pixels


def read_label_pixels(path: str) -> np.ndarray:
    """Return the labels of read_label_picture."""
    return read_label_picture(path).pixels


def write_label_pixels(labels: np.ndarray, path: str) -> None:
    """Write labels (H, W) of 8 or 16 bits in the format of the file ending, compressed without loss."""
    with replacing(path) as temporary:
        if str(path).lower().endswith((".tif", ".tiff")):
            import tifffile

            tifffile.imwrite(temporary, labels, photometric="minisblack", compression="zlib")
            return
        from PIL import Image

        try:
            Image.fromarray(labels).save(temporary)
        except (OSError, KeyError, ValueError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # a full disk, for example
                raise
            raise ImageProblemError(f"{path}: cannot store {labels.dtype} labels in this format ({error})") from None
