"""Whether the strips and tiles of a TIFF file lie in it and have sizes that fit its image; asked before decoding."""

import os
import struct
from math import prod
from typing import Any

from s1.damaged_files import damaged
from s1.errors import ImageProblemError

PathLike = str | os.PathLike[str]

JPEG = ("JPEG", "OJPEG", "ALT_JPEG")
LARGEST_SMALL_TILE = 4096 * 4096
"""Pixels. A tile may have as many, or as the image; a tile as large as a codec allows fills any memory."""
_MARKER, _FIRST_FRAME, _LAST_FRAME = 0xFF, 0xC0, 0xCF
_NO_FRAMES = (0xC4, 0xC8, 0xCC)
_ALONE = (0x01, *range(0xD0, 0xD9))
"""JPEG markers that no length follows."""
_HEADER_BYTES = (1 << 12, 1 << 20)
"""Read to find the first frame; more only if it is not in fewer."""


def check_parts(file: Any, pages: Any, path: PathLike) -> None:
    """Raise ImageProblemError for parts behind the end of a tifffile.TiffFile, and for parts larger than its images.

    tifffile would read the former as zeros. Of the latter it makes an array before it cuts out the image; the size of a
    part that is a JPEG file stands in that file.
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
    if key.compression.name in JPEG:
        for offset, count in parts:
            if count:
                _require_size(_jpeg_pixels(stream, key.jpegheader or b"", offset, count, path), most, path)


def _require_size(pixels: int, most: int, path: PathLike) -> None:
    if pixels > most:
        raise ImageProblemError(
            f"{path}: a strip or tile claims {pixels} pixels, more than the whole image; it is damaged or made to fill"
            " the memory, save it anew"
        )


def _jpeg_pixels(stream: Any, start: bytes, offset: int, count: int, path: PathLike) -> int:
    """Return the pixels that a part which is a JPEG file claims, after the start that all parts share."""
    for most in _HEADER_BYTES:
        stream.seek(offset)
        pixels = pixels_in_jpeg(start + stream.read(min(count, most)))
        if pixels is not None:
            return pixels
    raise damaged(path, "a part without a size")


def pixels_in_jpeg(data: bytes) -> int | None:
    """Return the pixels that the first frame in the headers of a JPEG file claims, None if there is none."""
    place = 0
    while place + 9 <= len(data):
        kind = data[place + 1]
        if data[place] != _MARKER or kind == _MARKER:
            place += 1
        elif kind in _ALONE:
            place += 2
        elif _FIRST_FRAME <= kind <= _LAST_FRAME and kind not in _NO_FRAMES:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return int(height) * int(width)
        else:
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return None
