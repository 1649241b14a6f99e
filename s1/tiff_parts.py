"""Whether the strips and tiles of a TIFF file lie in it and have sizes that fit its image; asked before decoding."""

import os
from collections.abc import Callable
from math import prod
from typing import Any

from s1.coded_sizes import pixels_in_jpeg, pixels_in_jpeg2000, pixels_in_webp
from s1.damaged_files import damaged
from s1.errors import ImageProblemError

PathLike = str | os.PathLike[str]

JPEG = ("JPEG", "OJPEG", "ALT_JPEG")
LARGEST_SMALL_TILE = 4096 * 4096
"""Pixels. A tile may have as many, or as the image; a tile as large as a codec allows fills any memory."""
PIXELS_IN: dict[str, Callable[[bytes], int | None]] = {
    **dict.fromkeys((*JPEG, "JPEG_LOSSY"), pixels_in_jpeg),
    **dict.fromkeys(("JPEG2000", "JPEG_2000_LOSSY", "APERIO_JP2000_YCBC", "APERIO_JP2000_RGB"), pixels_in_jpeg2000),
    "WEBP": pixels_in_webp,
}
"""Compressions whose parts are files with a size of their own -> what finds it."""
_WITH_UNKNOWN_SIZES = ("JPEGXL", "JPEGXL_DNG", "JPEGXR", "JPEGXR_NDPI", "LERC", "PNG", "EER_V0", "EER_V1", "EER_V2")
_HEADER_BYTES = (1 << 12, 1 << 20)
"""Read to find the size; more only if it is not in fewer."""


def check_parts(file: Any, pages: Any, path: PathLike) -> None:
    """Raise ImageProblemError for parts behind the end of a tifffile.TiffFile, and for parts larger than its images.

    tifffile would read the former as zeros. Of the latter it makes an array before it cuts out the image; the size of a
    part that is a JPEG, JPEG 2000 or WebP file stands in that file. Files of other formats as parts are refused.
    """
    for page in pages:
        if page is not None:
            _check_page(file.filehandle, page, path)


def _check_page(stream: Any, page: Any, path: PathLike) -> None:
    parts = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    if any(offset + count > stream.size for offset, count in parts):
        raise damaged(path)
    key = page.keyframe
    most = max(LARGEST_SMALL_TILE, key.imagewidth * key.imagelength * key.imagedepth)
    if key.is_tiled:
        _require_size(prod(map(int, key.tile)), most, path)
    coding = key.compression.name
    if coding in _WITH_UNKNOWN_SIZES:
        raise ImageProblemError(
            f"{path}: compressed as {coding}, whose parts have sizes of their own that are not known before they fill"
            " the memory; save it with deflate, LZW or JPEG"
        )
    if coding in PIXELS_IN:
        for offset, count in parts:
            if count:
                pixels = _pixels(PIXELS_IN[coding], stream, key.jpegheader or b"", offset, count, path)
                _require_size(pixels, most, path)


def _require_size(pixels: int, most: int, path: PathLike) -> None:
    if pixels > most:
        raise ImageProblemError(
            f"{path}: a strip or tile claims {pixels} pixels, more than the whole image; it is damaged or made to fill"
            " the memory, save it anew"
        )


def _pixels(
    find: Callable[[bytes], int | None], stream: Any, start: bytes, offset: int, count: int, path: PathLike
) -> int:
    """Return the pixels that a part which is a file claims, after the start that all parts share."""
    for most in _HEADER_BYTES:
        stream.seek(offset)
        pixels = find(start + stream.read(min(count, most)))
        if pixels is not None:
            return pixels
    raise damaged(path, "a part without a size")
