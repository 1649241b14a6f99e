"""Read PNG, BMP, JPEG, GIF and WebP files as viewers show them, whatever their names are.

Pillow's limit of pixels, a setting of the whole process, plays no part: the size is compared with the free memory.
"""

import os
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s1.claimed_size import DEFLATED, STORED_PLAINLY, check_claimed_size
from s1.errors import UnfitImageError
from s1.orientation import ORIENTATION_TAG, UPRIGHT, as_shown, known_orientation, shown_size
from s1.picture import Picture, one_value_a_pixel, require_label_palette, transparent
from s1.png_files import decode_large_png

PathLike = str | os.PathLike[str]

_PNG_START, _JPEG_START = b"\x89PNG", b"\xff\xd8\xff"
_READERS = {
    _PNG_START: ("PngImagePlugin", "PngImageFile"),
    _JPEG_START: ("JpegImagePlugin", "jpeg_factory"),
    b"BM": ("BmpImagePlugin", "BmpImageFile"),
    b"GIF8": ("GifImagePlugin", "GifImageFile"),
    b"RIFF": ("WebPImagePlugin", "WebPImageFile"),
}
"""First bytes of a file -> Pillow's module and what opens such a file; `Image.open` has a limit of pixels."""

_MOST_BYTES = 4
"""Longest of the first bytes."""
_LOSSY_FORMATS = ("JPEG", "MPO")
_COLOUR_SPACES = {
    "CMYK": "colours for print (CMYK)",
    "YCbCr": "YCbCr colours",
    "LAB": "Lab colours",
    "HSV": "HSV colours",
}

COLOUR = "8-bit colour"
"""Pixels of 8-bit RGB, also with opacity, or of a palette."""
_KINDS = {
    **dict.fromkeys(("RGB", "RGBA", "P"), COLOUR),
    **{"1": "1-bit grey", "L": "8-bit grey", "LA": "8-bit grey", "I;16": "16-bit grey", "I": "16-bit grey"},
}


def size_with_pillow(path: PathLike) -> tuple[int, int]:
    """Return height and width as shown. Raises what Pillow does for damaged files."""
    with _opened(path) as image:
        turned = _orientation(image) if image.height != image.width else UPRIGHT
        return shown_size(image.height, image.width, turned)


def read_with_pillow(path: PathLike) -> Picture:
    """Read an image: palettes become RGB. Raises UnfitImageError, or what Pillow does for damaged files."""
    with _opened(path) as image:
        _require_known_colours(image, path)
        _warn_about_lost_bits(image, path)
        decoded = decode_large_png(path)
        if decoded is not None:
            return Picture(decoded)
        image.load()
        stored = np.asarray(image)
        _require_opaque(image, stored, path)
        if image.mode == "P" and image.palette is not None:
            stored = np.asarray(image.convert(image.palette.mode))
        return _shown(image, stored)


def read_labels_with_pillow(path: PathLike) -> Picture:
    """Read labels (H, W): grey values, or the indices of a palette. Raises UnfitImageError."""
    with _opened(path) as image:
        if image.format in _LOSSY_FORMATS:
            raise UnfitImageError(f"{path}: is a JPEG file, which changes the values of labels; save masks as PNG")
        image.load()
        labels = one_value_a_pixel(np.asarray(image), path)
        if image.mode == "P" and image.palette is not None:
            require_label_palette(np.reshape(image.getpalette("RGB"), (-1, 3)), labels, path)
        return _shown(image, labels)


def colour_profile_with_pillow(path: PathLike) -> bytes | None:
    """Return the ICC profile of a picture, None without one. Raises what Pillow does for damaged files."""
    with _opened(path) as image:
        profile = image.info.get("icc_profile")
    return profile if isinstance(profile, bytes) and profile else None


def pixel_kind_with_pillow(path: PathLike) -> str:
    """Return what the pixels of a picture are, COLOUR for 8-bit RGB. Raises what Pillow does for damaged files."""
    with _opened(path) as image:
        if _holds_16_bit_colours(image):
            return "16-bit grey" if image.mode == "LA" else "16-bit colour"
        return _KINDS.get(image.mode) or _COLOUR_SPACES.get(image.mode, image.mode)


def is_jpeg(path: PathLike) -> bool:
    """Return whether a file is a JPEG file, whatever its name."""
    return _reader_of(path) == _READERS[_JPEG_START]


def is_plain_png(path: PathLike) -> bool:
    """Return whether a PNG file holds the pixels as they are shown: 8-bit grey or RGB, or 16-bit grey, nothing else."""
    if _reader_of(path) != _READERS[_PNG_START]:
        return False
    with _opened(path) as image:
        is_stored_so = image.mode in ("RGB", "L", "I;16") and not _holds_16_bit_colours(image)
        return is_stored_so and "transparency" not in image.info and _orientation(image) == UPRIGHT


@contextmanager
def _opened(path: PathLike) -> Iterator[Any]:
    """Open a file that holds one picture, which fits into memory."""
    reader = _reader_of(path)
    if reader is None:
        raise OSError("not a known image format")
    module, opener = reader
    open_image = getattr(import_module(f"PIL.{module}"), opener)
    with open(path, "rb") as stream, open_image(stream, os.fspath(path)) as image:
        frames = getattr(image, "n_frames", 1)
        if frames != 1 and image.format != "MPO":  # a JPEG with previews after it
            raise UnfitImageError(f"{path}: an animation of {frames} images; expected one image per file")
        _check_size(image, path)
        yield image


def _reader_of(path: PathLike) -> tuple[str, str] | None:
    with open(path, "rb") as stream:
        start = stream.read(_MOST_BYTES)
    return next((reader for first, reader in _READERS.items() if start.startswith(first)), None)


def _check_size(image: Any, path: PathLike) -> None:
    shape = (image.height, image.width, len(image.getbands()))
    coding, _, _, details = image.tile[0] if image.tile else ("", None, 0, "")
    if coding == "raw":
        check_claimed_size(path, shape, details[1] / (image.width * shape[2]), STORED_PLAINLY)  # bytes of a row
    elif coding == "zip":
        check_claimed_size(path, shape, _bits_in_png(details) / 8, DEFLATED)
    else:
        check_claimed_size(path, shape, 1)


def _bits_in_png(details: str) -> int:
    """Return the bits of a value from Pillow's name of a coding: RGB, L;4, I;16B."""
    digits = "".join(character for character in details.partition(";")[2] if character.isdigit())
    return int(digits) if digits else 1 if details == "1" else 8


def _orientation(image: Any) -> int:
    """Return the orientation, upright if the tag is missing or the EXIF data damaged, as viewers do."""
    try:
        return known_orientation(image.getexif().get(ORIENTATION_TAG))
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error):
        return UPRIGHT


def _shown(image: Any, stored: NDArray[Any]) -> Picture:
    orientation = _orientation(image)
    return Picture(as_shown(stored, orientation), orientation)


def _require_known_colours(image: Any, path: PathLike) -> None:
    if image.mode in _COLOUR_SPACES:
        raise UnfitImageError(f"{path}: {_COLOUR_SPACES[image.mode]}, expected RGB; save it as RGB")


def _warn_about_lost_bits(image: Any, path: PathLike) -> None:
    """Warn about 16-bit colour PNGs, of which Pillow keeps the upper 8 bits only."""
    if _holds_16_bit_colours(image):
        warnings.warn(f"{path}: 16-bit colours are read with their upper 8 bits", stacklevel=4)


def _holds_16_bit_colours(image: Any) -> bool:
    """Return whether an opened file has 16 bits per colour channel."""
    coding = str(image.tile[0][3]) if image.tile else ""
    return ";16" in coding and image.mode in ("RGB", "RGBA", "LA")


def _require_opaque(image: Any, stored: NDArray[Any], path: PathLike) -> None:
    """Refuse pixels that a palette or a key colour makes transparent, because each viewer shows another colour."""
    clear = image.info.get("transparency")
    if clear is None:
        return
    if isinstance(clear, bytes):
        opacity = np.full(256, 255, np.uint8)
        opacity[: len(clear)] = list(clear)
        is_clear = opacity[stored] < 255
    else:
        is_clear = stored == np.asarray(clear)
    if is_clear.all(axis=2).any() if is_clear.ndim == 3 else is_clear.any():
        raise UnfitImageError(transparent(path))
