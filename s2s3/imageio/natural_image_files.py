"""Pixels of PNG, BMP and TIFF files, as they are stored."""

import os
import warnings
from typing import Any

import numpy as np

from nnunetv2.errors import ImageProblemError, MissingFileError, UnfitImageError
from nnunetv2.utilities.files import replacing

COLOUR_CHANNELS = (3, 4)


def read_pixels(path: str) -> np.ndarray:
    """Return (H, W) or (H, W, 3 | 4): grey values keep their 8 or 16 bits, palettes become RGB, alpha stays.

    A TIFF with three dimensions has its colours last or first. Raises MissingFileError, ImageProblemError for a file
    that cannot be read, UnfitImageError for another number of dimensions or channels.
    """
    pixels = _read_tiff(path) if _is_tiff(path) else _read_with_pillow(path)
    if pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[-1] in COLOUR_CHANNELS):
        return pixels
    raise UnfitImageError(
        f"{path}: array of shape {pixels.shape}; expected a 2D image that is grey, RGB or RGBA"
        " (grey with alpha, and stacks of pages, cannot be read as one)"
    )


def read_label_pixels(path: str) -> np.ndarray:
    """Return the labels (H, W) of a grey, black-and-white or palette file; a palette's indices are its labels.

    Raises UnfitImageError for a colour image and for a palette of greys that are not the indices, else as read_pixels.
    """
    pixels = _read_tiff(path) if _is_tiff(path) else _read_with_pillow(path, is_label=True)
    if pixels.ndim != 2:
        raise UnfitImageError(
            f"{path}: a label file needs one value a pixel, this one has shape {pixels.shape};"
            " save it as an 8- or 16-bit grey image whose values are the labels"
        )
    return pixels


def write_label_pixels(labels: np.ndarray, path: str) -> None:
    """Write labels (H, W) of 8 or 16 bits in the format that the ending names."""
    with replacing(path) as temporary:
        if _is_tiff(path):
            import tifffile

            tifffile.imwrite(temporary, labels)
            return
        from PIL import Image

        try:
            Image.fromarray(labels).save(temporary)
        except (OSError, KeyError, ValueError) as error:
            raise ImageProblemError(f"{path}: cannot store {labels.dtype} labels in this format ({error})") from None


def _is_tiff(path: str) -> bool:
    return str(path).lower().endswith((".tif", ".tiff"))


def _read_tiff(path: str) -> np.ndarray:
    import tifffile

    try:
        pixels = tifffile.imread(path)
    except FileNotFoundError:
        raise MissingFileError(f"image not found: {path}") from None
    except Exception as error:
        raise unreadable(path, error) from error
    colours_first = pixels.ndim > 2 and pixels.shape[-1] not in COLOUR_CHANNELS and pixels.shape[-3] in COLOUR_CHANNELS
    return np.moveaxis(pixels, -3, -1) if colours_first else pixels


def _read_with_pillow(path: str, is_label: bool = False) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(path) as image:
            _require_one_frame(image, path)
            _warn_about_lost_bits(image, path)
            image.load()
            if image.mode != "P" or image.palette is None:
                return np.asarray(image)
            if not is_label:
                return np.asarray(image.convert(image.palette.mode))
            _require_clear_labels(image, path)
            return np.asarray(image)
    except FileNotFoundError:
        raise MissingFileError(f"image not found: {path}") from None
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise unreadable(path, error) from error


def _require_one_frame(image: Any, path: str) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames != 1:
        raise UnfitImageError(f"{path}: an animation of {frames} images; expected one image a file")


def _require_clear_labels(image: Any, path: str) -> None:
    """Refuse a palette of nothing but greys if the label may be the index or the grey, as files made smaller have it.

    Index 1 may be white: that is how black-and-white masks are stored.
    """
    colours = np.reshape(image.getpalette("RGB"), (-1, 3))
    if (colours != colours[:, :1]).any():
        return
    indices = np.unique(np.asarray(image))
    greys = colours[:, 0].take(indices, mode="clip")
    if not ((greys == indices) | ((indices == 1) & (greys == 255))).all():
        raise UnfitImageError(
            f"{path}: a palette shows the indices {indices.tolist()} as the greys {greys.tolist()}, so it is not clear"
            " which of them are the labels; save it as an 8-bit grey image whose values are the labels"
        )


def _warn_about_lost_bits(image: Any, path: str) -> None:
    """Pillow, like all software built on it, keeps the upper 8 bits of 16-bit colour PNGs."""
    coding = str(image.tile[0][3]) if image.tile else ""
    if ";16" in coding and image.mode in ("RGB", "RGBA", "LA"):
        warnings.warn(f"{path}: 16-bit colours are read with their upper 8 bits", stacklevel=4)


def unreadable(path: str, error: BaseException) -> ImageProblemError:
    """Error for a file that is damaged or of another format; says how large it is."""
    reason = str(error).strip().splitlines()
    size = os.path.getsize(path) if os.path.exists(path) else 0
    return ImageProblemError(
        f"{path}: cannot be read, damaged or of another format ({size} bytes;"
        f" {type(error).__name__}: {reason[-1] if reason else 'no reason given'})"
    )
