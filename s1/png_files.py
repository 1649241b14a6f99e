"""Decodes large plain PNG files into one array: Pillow has 4 bytes a pixel in memory and copies them twice."""

import mmap
import os
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

PathLike = str | os.PathLike[str]

_LEAST_PX = 2**24
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNK_EXTRA = 4
"""Bytes after the content of a chunk: its checksum."""
_PLAIN_KINDS = {(8, 0): (np.uint8, 1), (16, 0): (np.uint16, 1), (8, 2): (np.uint8, 3)}
"""(bits, colour type) -> type and channels of the pixels: grey and RGB."""
_HARMLESS = {b"IDAT", b"IEND", b"sRGB", b"gAMA", b"cHRM", b"iCCP", b"sBIT", b"bKGD", b"pHYs", b"tIME", b"hIST"}
"""Chunks that change nothing of the pixels as they are read here."""
_HEADER, _TEXT = b"IHDR", b"tEXt"
_KNOWN_TEXTS = (b"Author\0", b"Comment\0", b"Copyright\0", b"Description\0", b"Software\0", b"Source\0", b"Title\0")
"""Starts of harmless texts. Others may hold EXIF or XMP data, with an orientation."""
_HEADER_FORM, _HEADER_BYTES, _NOT_INTERLACED = ">IIBBBBB", 13, 0


def decode_large_png(path: PathLike) -> NDArray[Any] | None:
    """Return the pixels (H, W) or (H, W, 3) of a large PNG file that holds them as they are shown, otherwise None.

    None also for damaged files, which Pillow describes, and without imagecodecs. The size has been checked before.
    """
    with open(path, "rb") as stream:
        header = _plain_header(stream)
        if header is None or header[0] * header[1] < _LEAST_PX:
            return None
        try:
            from imagecodecs import PngError, png_decode
        except ImportError:
            return None
        width, height, *kind = header
        dtype, channels = _PLAIN_KINDS[kind[0], kind[1]]
        pixels: NDArray[Any] = np.empty((height, width) if channels == 1 else (height, width, channels), dtype)
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                png_decode(content, out=pixels)
            except (PngError, ValueError, RuntimeError):
                return None
    return pixels


def _plain_header(stream: BinaryIO) -> tuple[int, int, int, int] | None:
    """Return width, height, bits and colour type of a file with harmless chunks only, otherwise None."""
    if stream.read(len(_SIGNATURE)) != _SIGNATURE:
        return None
    chunks = _chunks(stream)
    name, start = next(chunks, (b"", b""))
    if name != _HEADER or len(start) != _HEADER_BYTES:
        return None
    for name, text in chunks:
        if name not in _HARMLESS and not (name == _TEXT and text.startswith(_KNOWN_TEXTS)):
            return None
    width, height, bits, colours, _, _, interlaced = struct.unpack(_HEADER_FORM, start)
    is_plain = name == b"IEND" and (bits, colours) in _PLAIN_KINDS and interlaced == _NOT_INTERLACED
    return (width, height, bits, colours) if is_plain else None


def _chunks(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name of each chunk and the first bytes of its content, up to the end of the picture."""
    name = b""
    while name != b"IEND":
        head = stream.read(8)
        if len(head) < 8:
            return
        length, name = struct.unpack(">I4s", head)
        start = stream.read(min(length, 16))
        stream.seek(length - len(start) + _CHUNK_EXTRA, os.SEEK_CUR)
        yield name, start
