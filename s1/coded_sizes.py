"""How many pixels a JPEG, JPEG 2000 or WebP file claims, and values in each, from its first bytes."""

import struct
from typing import NamedTuple

_MARKER, _FIRST_FRAME, _LAST_FRAME = 0xFF, 0xC0, 0xCF
_NO_FRAMES = (0xC4, 0xC8, 0xCC)
_ALONE = (0x01, *range(0xD0, 0xD9))
"""JPEG markers that no length follows."""
_JPEG2000_START = b"\xff\x4f\xff\x51"
"""Of the image in a JPEG 2000 file: start, and size."""
_JPEG2000_SIZES = 42
"""Bytes from its start to the end of its number of components."""
_PALETTE, _PALETTE_CHANNELS = b"pclr", 255
"""A colour table of a JPEG 2000 file, and the most values that it makes of one."""
_COLOURS_AND_ALPHA = 4
_14_BITS = (1 << 14) - 1


class CodedSize(NamedTuple):
    """What a file claims."""

    pixels: int
    components: int
    """Most values of a pixel."""


def size_in_jpeg(data: bytes) -> CodedSize | None:
    """Return the size that the first frame in the headers of a JPEG file claims, None if there is none."""
    place = 0
    while place + 10 <= len(data):
        kind = data[place + 1]
        if data[place] != _MARKER or kind == _MARKER:
            place += 1
        elif kind in _ALONE:
            place += 2
        elif _FIRST_FRAME <= kind <= _LAST_FRAME and kind not in _NO_FRAMES:
            height, width, components = struct.unpack_from(">HHB", data, place + 5)
            return CodedSize(int(height) * int(width), int(components))
        else:
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return None


def size_in_jpeg2000(data: bytes) -> CodedSize | None:
    """Return the size that the image in a JPEG 2000 file claims, in boxes or not; None without one."""
    start = 0 if data.startswith(_JPEG2000_START) else _image_in_boxes(data)
    if start is None or not data.startswith(_JPEG2000_START, start) or len(data) < start + _JPEG2000_SIZES:
        return None
    right, bottom, left, top = struct.unpack_from(">4I", data, start + 8)
    components = int(struct.unpack_from(">H", data, start + 40)[0])
    if _PALETTE in data[:start]:
        components = max(components, _PALETTE_CHANNELS)
    return CodedSize(max(0, int(right - left)) * max(0, int(bottom - top)), components)


def _image_in_boxes(data: bytes) -> int | None:
    place = 0
    while place + 16 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        header = 16 if length == 1 else 8
        if kind == b"jp2c":
            return place + header
        length = int.from_bytes(data[place + 8 : place + 16], "big") if length == 1 else length
        if length < header:
            return None
        place += length
    return None


def size_in_webp(data: bytes) -> CodedSize | None:
    """Return the size that a WebP file claims; None if its first part says none."""
    if len(data) < 30 or data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    kind, content = data[12:16], data[20:30]
    if kind == b"VP8X":
        width, height = (int.from_bytes(content[at : at + 3], "little") + 1 for at in (4, 7))
    elif kind == b"VP8L" and content[0] == 0x2F:
        bits = int.from_bytes(content[1:5], "little")
        width, height = (bits & _14_BITS) + 1, (bits >> 14 & _14_BITS) + 1
    elif kind == b"VP8 " and content[3:6] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(content[at : at + 2], "little") & _14_BITS for at in (6, 8))
    else:
        return None
    return CodedSize(width * height, _COLOURS_AND_ALPHA)
