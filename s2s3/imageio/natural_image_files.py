"""Reads and writes the pixels of PNG, BMP and TIFF files, unscaled."""

import warnings
from typing import Any

import numpy as np

from nnunetv2.errors import ImageProblemError, UnfitImageError
from nnunetv2.imageio.reading_errors import reading
from nnunetv2.utilities.files import replacing

COLOUR_CHANNELS = (3, 4)


def read_pixels(path: str) -> np.ndarray:
    """Return (H, W) or (H, W, 3 | 4): grey values keep their 8 or 16 bits, palettes become RGB, alpha stays.

    A TIFF with three dimensions may have its colours on the last or the first axis. Raises MissingFileError,
    ImageProblemError for a file that cannot be read, UnfitImageError for another number of dimensions or channels.
    """
    pixels = _read_tiff(path) if _is_tiff(path) else _read_with_pillow(path)
    if pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[-1] in COLOUR_CHANNELS):
        return pixels
    raise UnfitImageError(
        f"{path}: array of shape {pixels.shape}; expected a 2D image that is grey, RGB or RGBA"
        " (grey with alpha and stacks of pages are not supported)"
    )


def read_label_pixels(path: str) -> np.ndarray:
    """Return the labels (H, W) of a grey, black-and-white or palette file; the labels of a palette are its indices.

    Raises UnfitImageError for colour images and ambiguous palettes, otherwise the same errors as read_pixels.
    """
    pixels = _read_tiff(path) if _is_tiff(path) else _read_with_pillow(path, is_label=True)
    if pixels.ndim != 2:
        raise UnfitImageError(
            f"{path}: a label file needs one value per pixel, this one has shape {pixels.shape};"
            " save it as an 8- or 16-bit grey image whose values are the labels"
        )
    return pixels


def write_label_pixels(labels: np.ndarray, path: str) -> None:
    """Write labels (H, W) of 8 or 16 bits in the format of the file ending."""
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

    with reading(path):
        pixels = tifffile.imread(path)
    colours_first = pixels.ndim > 2 and pixels.shape[-1] not in COLOUR_CHANNELS and pixels.shape[-3] in COLOUR_CHANNELS
    return np.moveaxis(pixels, -3, -1) if colours_first else pixels


def _read_with_pillow(path: str, is_label: bool = False) -> np.ndarray:
    from PIL import Image

    with reading(path), Image.open(path) as image:
        _require_one_frame(image, path)
        _warn_about_lost_bits(image, path)
        image.load()
        if image.mode != "P" or image.palette is None:
            return np.asarray(image)
        if not is_label:
            return np.asarray(image.convert(image.palette.mode))
        _require_clear_labels(image, path)
        return np.asarray(image)


def _require_one_frame(image: Any, path: str) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames != 1:
        raise UnfitImageError(f"{path}: an animation of {frames} images; expected one image per file")


def _require_clear_labels(image: Any, path: str) -> None:
    """Refuse an all-grey palette whose greys differ from their indices, because either could be the label.

    Programs that optimise file sizes write such palettes. Index 1 may be white: black-and-white masks are stored so.
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
    """Warn about 16-bit colour PNGs, of which Pillow keeps the upper 8 bits only."""
    coding = str(image.tile[0][3]) if image.tile else ""
    if ";16" in coding and image.mode in ("RGB", "RGBA", "LA"):
        warnings.warn(f"{path}: 16-bit colours are read with their upper 8 bits", stacklevel=4)
