"""Whether the strips and tiles of a TIFF file lie in it and have sizes that fit its image; asked before decoding."""

import os
from collections.abc import Callable
from math import prod
from typing import Any

from s1.claimed_size import in_bytes
from s1.coded_sizes import CodedSize, size_in_jpeg, size_in_jpeg2000, size_in_webp
from s1.damaged_files import damaged
from s1.errors import ImageProblemError

PathLike = str | os.PathLike[str]

JPEG = ("JPEG", "OJPEG", "ALT_JPEG")
LARGEST_SMALL_TILE = 4096 * 4096
"""Pixels. A tile may have as many, or as the image; a tile as large as a codec allows fills any memory."""
_USUAL_SAMPLES = 4
"""Bytes of a pixel in the largest small tile; of larger ones, the bytes count too."""
_PADDING = 4
"""Bytes of a tile for one of the image, at most: a tile that is twice as wide and as high."""
SIZE_IN: dict[str, Callable[[bytes], CodedSize | None]] = {
    **dict.fromkeys((*JPEG, "JPEG_LOSSY"), size_in_jpeg),
    **dict.fromkeys(("JPEG2000", "JPEG_2000_LOSSY", "APERIO_JP2000_YCBC", "APERIO_JP2000_RGB"), size_in_jpeg2000),
    "WEBP": size_in_webp,
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
    pixels = key.imagewidth * key.imagelength * key.imagedepth
    if key.is_tiled:
        _check_tile(key, pixels, path)
    coding = key.compression.name
    if coding in _WITH_UNKNOWN_SIZES:
        raise ImageProblemError(
            f"{path}: compressed as {coding}, whose parts have sizes of their own that are not known before they fill"
            " the memory; save it with deflate, LZW or JPEG"
        )
    if coding in SIZE_IN:
        for offset, count in parts:
            if count:
                size = _coded_size(SIZE_IN[coding], stream, key.jpegheader or b"", offset, count, path)
                if is_larger(size, pixels, key.samplesperpixel):
                    raise _too_large(path, f"{size.pixels} pixels of {size.components} values")


def _check_tile(page: Any, pixels: int, path: PathLike) -> None:
    """Raise ImageProblemError for tiles that tifffile cannot decode in memory that suits an image of so many pixels."""
    tile = prod(map(int, page.tile))
    if tile > max(LARGEST_SMALL_TILE, pixels):
        raise _too_large(path, f"{tile} pixels")
    in_tile = tile * (page.samplesperpixel if page.planarconfig == 1 else 1)
    size = 1 if page.dtype is None else page.dtype.itemsize
    most = max(LARGEST_SMALL_TILE * _USUAL_SAMPLES, _PADDING * pixels * page.samplesperpixel * size)
    if in_tile * size > most:
        raise _too_large(path, in_bytes(in_tile * size))


def is_larger(size: CodedSize, pixels: int, samples: int) -> bool:
    """Tell whether a part that is a file claims more than it may, beside an image or part of pixels and samples.

    Decoders make an array of all components, also of those that the header of the TIFF file does not tell of.
    """
    most = max(_USUAL_SAMPLES, samples)
    most_values = max(LARGEST_SMALL_TILE * _USUAL_SAMPLES, pixels * most)
    return (
        size.components > most
        or size.pixels > max(LARGEST_SMALL_TILE, pixels)
        or size.pixels * size.components > most_values
    )


def _too_large(path: PathLike, claimed: str) -> ImageProblemError:
    return ImageProblemError(
        f"{path}: a strip or tile claims {claimed}, more than the whole image; it is damaged or made to fill the"
        " memory, save it anew"
    )


def _coded_size(
    find: Callable[[bytes], CodedSize | None], stream: Any, start: bytes, offset: int, count: int, path: PathLike
) -> CodedSize:
    """Return the size that a part which is a file claims, after the start that all parts share."""
    for most in _HEADER_BYTES:
        stream.seek(offset)
        size = find(start + stream.read(min(count, most)))
        if size is not None:
            return size
    raise damaged(path, "a part without a size")
