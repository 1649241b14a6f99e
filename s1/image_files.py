"""Read image files as 8-bit RGB or grey, and mask files as label numbers."""

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
    """Return height and width from the file's header. Raises ImageProblemError if it cannot be read."""
    with _opened(path) as picture:
        return picture.height, picture.width


def read_image(path: Path) -> Pixels:
    """Read an 8-bit image as (H, W, 3), or (H, W) if it is grey; alpha is dropped, palettes are resolved.

    Raises ImageProblemError, naming the file, if it is unreadable, truncated, or not 8-bit RGB or grey.
    """
    with _opened(path) as picture:
        if picture.mode not in ("L", "LA", "RGB", "RGBA", "P", "PA") or _holds_16_bits(picture):
            kind = "16-bit RGB" if _holds_16_bits(picture) else picture.mode
            raise ImageProblemError(f"{path}: is a {kind} image, expected 8-bit RGB, RGBA or grey; convert it first")
        target = {"LA": "L", "P": "RGB", "PA": "RGB", "RGBA": "RGB"}.get(picture.mode, picture.mode)
        return np.asarray(_decoded(picture, path, target))


def read_mask(path: Path, shape: tuple[int, int]) -> Labels:
    """Read label numbers (H, W): the indices of a palette file, the value all three channels of an RGB file share.

    Parameters:
        shape: height and width of the image; ImageProblemError if the mask differs.
    """
    with _opened(path) as picture:
        if picture.mode not in ("1", "L", "P", "RGB", "I;16", "I;16B", "I;16L", "I"):
            raise ImageProblemError(f"{path}: is a mask of Pillow mode {picture.mode}, expected one integer channel")
        labels = np.asarray(_decoded(picture, path, picture.mode))
    if labels.ndim == 3:
        if np.any(labels != labels[..., :1]):
            raise ImageProblemError(f"{path}: is a colour mask, expected one channel of label numbers")
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
    """Return whether the file has 16 bits per channel, which Pillow would silently reduce to 8."""
    return any(";16" in str(tile[3]) for tile in picture.tile)


def _first_line(error: BaseException) -> str:
    text = (str(error) or type(error).__name__).splitlines()[0]
    return "not a known image format" if text.startswith("cannot identify image file") else text


def _reading_errors() -> tuple[type[BaseException], ...]:
    """Return what Pillow raises for files that are damaged or not images."""
    from PIL import Image

    return (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)
