"""The series of a DICOM file by its first data elements, without a library: importing one takes half a second.

Elements are those of DICOM PS3.5, section 7: tag, in most files a kind, length, value. What this walk does not know
(deflated or big-endian files, private elements without a length, a series far behind the start) is left to pydicom.
"""

import re
import struct
from dataclasses import dataclass
from pathlib import Path

from nnunetv2.pathology.slides.slide_reader import PathLike

PREAMBLE, MAGIC = 128, b"DICM"
_HEAD_BYTES = 2**18
_TRANSFER_SYNTAX, _SERIES = (0x0002, 0x0010), (0x0020, 0x000E)
_IMPLICIT, _OTHERS = b"1.2.840.10008.1.2", (b"1.2.840.10008.1.2.2", b"1.2.840.10008.1.2.1.99")
"""The transfer syntax whose elements have no kind; those of big-endian and of deflated files."""
_LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
"""Kinds with a length of 4 bytes, behind 2 of nothing."""
_ITEMS, _ITEM, _ENDS = 0xFFFE, 0xE000, (0xE00D, 0xE0DD)
"""Group of the elements that hold a sequence together: an item, and the ends of items and sequences."""
_UNDEFINED = 0xFFFFFFFF
_UID = re.compile(rb"[0-9.]{1,64}")


@dataclass(frozen=True)
class _Element:
    group: int
    number: int
    kind: bytes
    """Empty where files do not state it, and for parts of sequences."""
    start: int
    """Of the value."""
    length: int
    """Bytes of the value."""

    @property
    def is_open(self) -> bool:
        """Whether it lasts until its end is marked."""
        return self.length == _UNDEFINED

    @property
    def tag(self) -> tuple[int, int]:
        return self.group, self.number


def series_in_header(path: PathLike) -> str | None:
    """Return the SeriesInstanceUID of a DICOM file; None if this walk does not find it. Reads 256 KiB at most."""
    with Path(path).open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    try:
        found = _series(head)
    except struct.error:  # the head ends within an element
        return None
    return found.decode() if found is not None and _UID.fullmatch(found) else None


def _series(head: bytes) -> bytes | None:
    """Return the value of the series outside of all sequences."""
    if head[PREAMBLE : PREAMBLE + len(MAGIC)] != MAGIC:
        return None
    at, depth, is_implicit = PREAMBLE + len(MAGIC), 0, False
    while True:
        element = _element(head, at, is_implicit)
        if depth == 0 and element.tag >= _SERIES:
            return _text(head, element) if element.tag == _SERIES else None
        if element.is_open and element.kind not in (b"", b"SQ"):
            return None
        if element.tag == _TRANSFER_SYNTAX:
            if _text(head, element) in _OTHERS:
                return None
            is_implicit = _text(head, element) == _IMPLICIT
        depth += element.is_open - (element.group == _ITEMS and element.number in _ENDS)
        at = element.start + (0 if element.is_open else element.length)


def _element(head: bytes, at: int, is_implicit: bool) -> _Element:
    group, number, kind, length = struct.unpack_from("<HH2sH", head, at)
    if group == _ITEMS or (is_implicit and group > _TRANSFER_SYNTAX[0]):
        return _Element(group, number, b"", at + 8, *struct.unpack_from("<I", head, at + 4))
    if kind in _LONG:
        return _Element(group, number, kind, at + 12, *struct.unpack_from("<I", head, at + 8))
    return _Element(group, number, kind, at + 8, length)


def _text(head: bytes, element: _Element) -> bytes:
    (value,) = struct.unpack_from(f"{element.length}s", head, element.start)
    return bytes(value).rstrip(b"\0 ")
