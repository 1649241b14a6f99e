"""What is in an image file and in a mask file: 8-bit images as RGB or grey, masks as label numbers."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s1.errors import ImageProblemError

Pixels = NDArray[np.uint8]
Labels = NDArray[Any]


def image_size(path: Path) -> tuple[int, int]:
    """Return height and width from the file's header; ImageProblemError if it cannot be read."""
    with _opened(path) as picture:
        return picture.height, picture.width


def read_image(path: Path) -> Pixels:
    """Read an 8-bit image as (H, W, 3), or (H, W) where it is grey; alpha is dropped, palettes are looked up.

    ImageProblemError, naming the file, where it is unreadable, cut short, or not 8-bit RGB or grey.
    """
    with _opened(path) as picture:
        if picture.mode not in ("L", "LA", "RGB", "RGBA", "P", "PA") or _holds_16_bits(picture):
            kind = "16-bit RGB" if _holds_16_bits(picture) else picture.mode
            raise ImageProblemError(f"{path}: is a {kind} image, expected 8-bit RGB, RGBA or grey; convert it first")
        target = {"LA": "L", "P": "RGB", "PA": "RGB", "RGBA": "RGB"}.get(picture.mode, picture.mode)
        return np.asarray(_decoded(picture, path, target))


def read_mask(path: Path, shape: tuple[int, int]) -> Labels:
    """Read label numbers (H, W); of a palette file the indices, of an RGB file the value its three channels share.

    Parameters:
        shape: height and width of the image the mask belongs to; anything else is an ImageProblemError.
    """
    with _opened(path) as picture:
        if picture.mode not in ("1", "L", "P", "RGB", "I;16", "I;16B", "I;16L", "I"):
            raise ImageProblemError(f"{path}: is a mask of kind {picture.mode}, expected one channel of whole numbers")
        labels = np.asarray(_decoded(picture, path, picture.mode))
    if labels.ndim == 3:
        if np.any(labels != labels[..., :1]):
            raise ImageProblemError(f"{path}: is a mask in colour, expected one channel of label numbers")
        labels = labels[..., 0]
    if labels.shape != shape:
        got, expected = (f"{width} x {height}" for height, width in (labels.shape, shape))
        raise ImageProblemError(f"{path}: the mask is {got} pixels, its image {expected} (width x height)")
    return labels.astype(np.uint8) if labels.dtype == bool else labels


def _opened(path: Path) -> Any:
    from PIL import Image

    try:
        return Image.open(path)
    except FileNotFoundError:
        raise ImageProblemError(f"{path}: no such file") from None
    except _reading_errors() as error:
        raise ImageProblemError(f"{path}: cannot be read as an image ({_first_line(error)})") from None


def _decoded(picture: Any, path: Path, mode: str) -> Any:
    """Decode the pixels and convert them to `mode`."""
    try:
        picture.load()
    except _reading_errors() as error:
        raise ImageProblemError(f"{path}: is damaged ({_first_line(error)})") from None
    if picture.mode in ("P", "PA") and mode == "RGB":
        picture = picture.convert("RGBA")
    return picture if picture.mode == mode else picture.convert(mode)


def _holds_16_bits(picture: Any) -> bool:
    """Tell whether the file has 16 bits a channel, which Pillow would cut to 8 without a word."""
    return any(";16" in str(tile[3]) for tile in picture.tile)


def _first_line(error: BaseException) -> str:
    text = (str(error) or type(error).__name__).splitlines()[0]
    return "not an image of a known kind" if text.startswith("cannot identify image file") else text


def _reading_errors() -> tuple[type[BaseException], ...]:
    """Name what Pillow raises for files that are damaged or no images."""
    from PIL import Image

    return (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)
