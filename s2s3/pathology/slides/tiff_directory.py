"""What the directory of a TIFF file says, read without a library: sizes, kinds of pixels, where each tile lies.

Libraries stop at the first damage and do not say what is wrong; some read missing tiles without an error. This walk
tells which tiles lie beyond the end of a file and which have no bytes. It allocates no more than the file is long.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from nnunetv2.pathology.slides.slide_reader import PathLike

_MOST_DIRECTORIES = 1000
_MOST_ENTRIES = 4096
_TYPES = {1: "u1", 3: "u2", 4: "u4", 6: "i1", 8: "i2", 9: "i4", 13: "u4", 16: "u8", 17: "i8", 18: "u8"}
"""Number of a field type -> numpy's name; texts and fractions are not needed here."""
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES, _SUB_DIRECTORIES = 256, 257, 258, 262, 277, 330
_STRIPS, _TILES = (273, 279), (324, 325)
_FARTHEST = np.uint64(2**62)
"""Larger numbers in a damaged file would wrap around."""
_MOSTLY = 0.5
"""Of what is lost more, nothing is used."""
_NDPI = 65420
"""Files of Hamamatsu have 64-bit positions in 32-bit fields."""


@dataclass(frozen=True)
class TiffImage:
    """One image of a file: a level, a label, or the picture of the whole glass."""

    width: int
    height: int
    bits: tuple[int, ...]
    """Of each sample of a pixel."""
    photometric: int
    is_tiled: bool
    starts: NDArray[np.uint64]
    """First byte of each tile or strip."""
    lengths: NDArray[np.uint64]
    """Bytes of each tile or strip; 0 for a missing one."""
    has_smaller_copies: bool
    """Whether its pyramid is in SubIFDs."""

    @property
    def ends(self) -> NDArray[np.uint64]:
        """The byte behind each tile or strip that is there."""
        starts, lengths = (np.minimum(numbers, _FARTHEST) for numbers in (self.starts, self.lengths))
        return np.where(self.lengths > 0, starts + lengths, 0)

    @property
    def missing(self) -> int:
        """Number of tiles or strips without bytes."""
        return int((self.lengths == 0).sum())


@dataclass(frozen=True)
class TiffDirectory:
    """All images of a file whose directory could be read."""

    size: int
    """Bytes of the file."""
    images: tuple[TiffImage, ...]
    farthest: int
    """Bytes that the file needs to have, as far as its directory can be read."""

    @property
    def finest(self) -> TiffImage:
        """The image with most pixels: level 0."""
        return max(self.images, key=lambda image: image.width * image.height)

    @property
    def planes(self) -> int:
        """Number of images of the kind and size of level 0: more than one in a stack."""
        finest = self.finest
        kind = finest.width, finest.height, finest.bits, finest.is_tiled
        return sum((image.width, image.height, image.bits, image.is_tiled) == kind for image in self.images)

    def cut_off(self) -> str | None:
        """Return what lies beyond the end of the file, None if nothing does."""
        if self.farthest <= self.size:
            return None
        kind = "tiles" if self.finest.is_tiled else "strips"
        beyond, parts = int((self.finest.ends > self.size).sum()), len(self.finest.starts)
        lost = f"{beyond} of {parts} {kind} of level 0 lie" if parts else "the list of parts of level 0 lies"
        return (
            f"cut off: {lost} beyond the end of the file ({self.size} bytes, {self.farthest} expected). Copy the file"
            " again"
        )

    def lost_copies(self) -> set[tuple[int, int]]:
        """Return width and height of the smaller images that lie mostly beyond the end of the file."""
        smaller = [image for image in self.images if image is not self.finest]
        return {(image.width, image.height) for image in smaller if self._share_beyond(image) > _MOSTLY}

    def _share_beyond(self, image: TiffImage) -> float:
        """Return the share of an image that lies beyond the end; all of one whose list of parts does."""
        if len(image.ends):
            return float((image.ends > self.size).mean())
        return float(self.farthest > self.size)


def read_tiff_directory(path: PathLike) -> TiffDirectory | None:
    """Return the images of a TIFF file; None for other files and for what has 64-bit positions in disguise (NDPI)."""
    with Path(path).open("rb") as stream:
        layout = _Layout.of(stream.read(16))
        if layout is None:
            return None
        size = os.fstat(stream.fileno()).st_size
        walk = _Walk(stream, size, layout)
        images = [_image(fields) for fields in walk.directories() if {_WIDTH, _HEIGHT} <= fields.keys()]
    if walk.is_ndpi or not images:
        return None
    farthest = max([walk.farthest, *(int(image.ends.max(initial=0)) for image in images)])
    return TiffDirectory(size, tuple(images), farthest)


@dataclass(frozen=True)
class _Layout:
    """Byte order and widths of classic TIFF and BigTIFF."""

    order: str
    first: int
    """Position of the first directory."""
    number: str
    """struct's code of a position."""
    count: str
    """struct's code of the number of entries."""

    @classmethod
    def of(cls, head: bytes) -> "_Layout | None":
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        if order is None or len(head) < 16:
            return None
        (version,) = struct.unpack_from(f"{order}H", head, 2)
        if version == 42:
            return cls(order, struct.unpack_from(f"{order}I", head, 4)[0], "I", "H")
        return cls(order, struct.unpack_from(f"{order}Q", head, 8)[0], "Q", "Q") if version == 43 else None


class _Walk:
    """Follows the chain of directories; stops where it leaves the file or comes back to itself."""

    def __init__(self, stream: IO[bytes], size: int, layout: _Layout):
        self._stream, self._size, self._layout = stream, size, layout
        self._position = struct.calcsize(layout.order + layout.number)
        self.farthest = 0
        self.is_ndpi = False

    def directories(self) -> Iterator[dict[int, NDArray[Any]]]:
        """Yield tag -> values of each directory, of the main chain and of SubIFDs."""
        waiting, seen = [self._layout.first], set[int]()
        while waiting and len(seen) < _MOST_DIRECTORIES:
            position = waiting.pop(0)
            if position == 0 or position in seen:
                continue
            seen.add(position)
            fields, following = self._directory(position)
            waiting += [int(at) for at in fields.get(_SUB_DIRECTORIES, ())][:_MOST_DIRECTORIES]
            waiting.append(following)
            yield fields

    def _directory(self, position: int) -> tuple[dict[int, NDArray[Any]], int]:
        """Return the fields of one directory and the position of the next, 0 at the end."""
        layout = self._layout
        head = self._bytes(position, struct.calcsize(layout.order + layout.count))
        if head is None:
            return {}, 0
        (entries,) = struct.unpack(layout.order + layout.count, head)
        length = 4 + 2 * self._position
        if entries > _MOST_ENTRIES:
            return {}, 0
        block = self._bytes(position + len(head), entries * length + self._position)
        if block is None:
            return {}, 0
        fields = {}
        for start in range(0, entries * length, length):
            tag, values = self._field(block[start : start + length])
            self.is_ndpi |= tag == _NDPI
            if values is not None:
                fields[tag] = values
        return fields, struct.unpack(layout.order + layout.number, block[-self._position :])[0]

    def _field(self, entry: bytes) -> tuple[int, NDArray[Any] | None]:
        order, number = self._layout.order, self._layout.number
        tag, kind, count = struct.unpack_from(f"{order}HH{number}", entry)
        if kind not in _TYPES:
            return tag, None
        dtype = np.dtype(order + _TYPES[kind])
        inline = entry[-self._position :]
        if count * dtype.itemsize <= len(inline):
            return tag, np.frombuffer(inline, dtype, count)
        data = self._bytes(struct.unpack(order + number, inline)[0], count * dtype.itemsize)
        return tag, None if data is None else np.frombuffer(data, dtype)

    def _bytes(self, position: int, length: int) -> bytes | None:
        """Return a part of the file, None if it lies beyond its end."""
        self.farthest = max(self.farthest, position + length)
        if position + length > self._size:
            return None
        self._stream.seek(position)
        return self._stream.read(length)


def _image(fields: dict[int, NDArray[Any]]) -> TiffImage:
    tags = _TILES if _TILES[0] in fields else _STRIPS
    nothing = np.zeros(0, np.uint64)
    starts, lengths = (fields.get(tag, nothing).astype(np.uint64) for tag in tags)
    both = min(len(starts), len(lengths))
    samples = _first(fields, _SAMPLES, 1)
    bits = [int(value) for value in fields.get(_BITS, [1])[:16]]
    return TiffImage(
        _first(fields, _WIDTH, 0),
        _first(fields, _HEIGHT, 0),
        tuple(bits if len(bits) == samples else [bits[0] if bits else 1] * min(samples, 16)),
        _first(fields, _PHOTOMETRIC, 0),
        tags == _TILES,
        starts[:both],
        lengths[:both],
        len(fields.get(_SUB_DIRECTORIES, ())) > 0,
    )


def _first(fields: dict[int, NDArray[Any]], tag: int, default: int) -> int:
    values = fields.get(tag)
    return int(values[0]) if values is not None and len(values) else default
