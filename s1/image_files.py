"""Read image files as 8-bit RGB or grey, and mask files as label numbers."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s1.damaged_files import require_whole
from s1.errors import ImageProblemError
from s1.tiff_files import is_tiff, read_tiff, tiff_size

Pixels = NDArray[np.uint8]
Labels = NDArray[Any]


def image_size(path: Path) -> tuple[int, int]:
    """Return height and width from the file's header. Raises ImageProblemError if it cannot be read."""
    if is_tiff(path):
        return tiff_size(path)
    with _opened(path) as picture:
        return picture.height, picture.width


def read_image(path: Path) -> Pixels:
    """Read an 8-bit image as (H, W, 3), or (H, W) if it is grey; alpha is dropped, palettes are resolved.

    The palette of a TIFF is not: training reads the indices. Raises ImageProblemError, naming the file, if it is
    unreadable, truncated, or not one 8-bit RGB or grey image.
    """
    if is_tiff(path):
        return _read_tiff_image(path)
    with _opened(path) as picture:
        if picture.mode not in ("L", "LA", "RGB", "RGBA", "P", "PA") or _holds_16_bits(picture):
            kind = "16-bit RGB" if _holds_16_bits(picture) else picture.mode
            raise ImageProblemError(f"{path}: is a {kind} image, expected 8-bit RGB, RGBA or grey; convert it first")
        target = {"LA": "L", "P": "RGB", "PA": "RGB", "RGBA": "RGB"}.get(picture.mode, picture.mode)
        return np.asarray(_decoded(picture, path, target))


def _read_tiff_image(path: Path) -> Pixels:
    pixels = read_tiff(path)
    if pixels.dtype != np.uint8:
        raise ImageProblemError(
            f"{path}: is a {pixels.dtype} image, expected 8-bit RGB, RGBA or grey; convert it first"
        )
    return np.ascontiguousarray(pixels[..., :3]) if pixels.ndim == 3 else pixels


def read_mask(path: Path, shape: tuple[int, int]) -> Labels:
    """Read label numbers (H, W): the indices of a palette file, the value all three channels of an RGB file share.

    Parameters:
        shape: height and width of the image; ImageProblemError if the mask differs.
    """
    labels = _stored_labels(path)
    if labels.ndim == 3:
        if np.any(labels != labels[..., :1]):
            raise ImageProblemError(f"{path}: is a colour mask, expected one channel of label numbers")
        labels = labels[..., 0]
    if labels.shape != shape:
        got, expected = (f"{width} x {height}" for height, width in (labels.shape, shape))
        raise ImageProblemError(f"{path}: the mask is {got} pixels, its image {expected} (width x height)")
    return labels.astype(np.uint8) if labels.dtype == bool else labels


def _stored_labels(path: Path) -> Labels:
    if is_tiff(path):
        labels = read_tiff(path)
        if labels.dtype.kind not in "bui":
            raise ImageProblemError(f"{path}: is a mask of type {labels.dtype}, expected one integer channel")
        return labels
    with _opened(path) as picture:
        if picture.mode not in ("1", "L", "P", "RGB", "I;16", "I;16B", "I;16L", "I"):
            raise ImageProblemError(f"{path}: is a mask of Pillow mode {picture.mode}, expected one integer channel")
        return np.asarray(_decoded(picture, path, picture.mode))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a file that holds one picture."""
    from PIL import Image

    require_whole(path)
    try:
        picture = Image.open(path)
    except FileNotFoundError:
        raise ImageProblemError(f"{path}: no such file") from None
    except _reading_errors() as error:
        raise ImageProblemError(f"{path}: cannot be read as an image ({_first_line(error)})") from None
    with picture:
        frames = getattr(picture, "n_frames", 1)
        if frames != 1:
            raise ImageProblemError(f"{path}: contains {frames} pictures, expected one per file")
        yield picture


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
