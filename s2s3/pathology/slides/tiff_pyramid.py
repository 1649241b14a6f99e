"""Pyramids in TIFF files by tifffile, of any number of channels, tile by tile.

Levels may be pages, or SubIFDs of the first page. Only the tiles or strips that a box touches are read and decoded.
"""

import logging
from collections import OrderedDict
from collections.abc import Iterator
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnunetv2.errors import SlideError, UnreadableSlideError
from nnunetv2.pathology.slides.geometry import Box, Level, make_level
from nnunetv2.pathology.slides.slide_reader import PathLike, Valid, reason
from s1.claimed_size import in_bytes
from s1.tiff_parts import SIZE_IN, is_larger

_CACHED_BYTES = 64 * 2**20
LARGEST_PART_BYTES = 2 * 2**30
"""Of a decoded tile or strip; an image of 20,000 x 20,000 pixels in one strip takes 1.2 GB."""
_AXES = ("YX", "YXS")
_SILENT = logging.NullHandler()


class TiffPyramid:
    """The first image of a file and its smaller copies."""

    def __init__(self, path: PathLike):
        import tifffile

        logging.getLogger("tifffile").addHandler(_SILENT)  # else its messages about damage go to stderr
        self.name = f"tifffile {tifffile.__version__}"
        self.warnings: list[str] = []
        try:
            self._file = tifffile.TiffFile(path)
        except Exception as error:  # whatever a damaged file makes tifffile raise
            raise reason("tifffile", error) from None
        try:
            self._pages = self._pages_of_levels()
            self.levels = _levels(self._pages)
        except BaseException:
            self._file.close()
            raise
        self._decoded: OrderedDict[tuple[int, int], NDArray[Any] | None] = OrderedDict()

    @property
    def pages(self) -> tuple[Any, ...]:
        """tifffile's page of each level."""
        return tuple(self._pages)

    @property
    def ome_xml(self) -> str | None:
        """The text of the OME metadata."""
        return self._file.ome_metadata

    @property
    def is_tiled(self) -> bool:
        """Whether boxes can be read without most of the rest."""
        return bool(self._pages[0].is_tiled)

    def read(self, level: int, box: Box) -> tuple[NDArray[Any], Valid]:
        """Return the values (height, width, samples) of a box within a level, and which of them the file has.

        What it lacks is 0. Raises UnreadableSlideError for damaged tiles.
        """
        page = self._pages[level]
        values = np.zeros((box.height, box.width, page.samplesperpixel), page.dtype)
        valid = np.zeros((box.height, box.width), bool)
        for index, place in _parts(page, box):
            part = self._part(level, index)
            if part is not None:
                _paste(part, place, box, values, valid)
        return values, valid

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _pages_of_levels(self) -> list[Any]:
        try:
            series = self._file.series[0]
            images = [(level.axes, [page for page in level.pages if page is not None]) for level in series.levels]
        except Exception as error:  # whatever a damaged file makes tifffile raise
            raise reason("tifffile", error) from None
        if len(images[0][1]) > 1:
            self.warnings.append(f"{len(images[0][1])} planes ({images[0][0]}), of which the middle one is read")
        pages = [pages[len(pages) // 2] for _, pages in images if pages]
        pages = [page.aspage() if hasattr(page, "aspage") else page for page in pages]
        if not pages or any(page.axes not in _AXES for page in pages):
            raise SlideError(f"axes {pages[0].axes if pages else 'unknown'}, expected one flat image with colours last")
        for page in pages:
            _check_coding(page)
        return pages

    def _part(self, level: int, index: int) -> NDArray[Any] | None:
        """Return a decoded tile or strip (height, width, samples), None if the file has none at this place."""
        key = level, index
        if key not in self._decoded:
            self._decoded[key] = self._decode(self._pages[level], index)
            most = max(1, _CACHED_BYTES // _part_bytes(self._pages[level]))
            while len(self._decoded) > most:
                self._decoded.popitem(last=False)
        self._decoded.move_to_end(key)
        return self._decoded[key]

    def _decode(self, page: Any, index: int) -> NDArray[Any] | None:
        if index >= min(len(page.dataoffsets), len(page.databytecounts)):
            raise UnreadableSlideError("tifffile: the file does not say where the data lies")
        offset, count = page.dataoffsets[index], page.databytecounts[index]
        if not count:
            return None
        if offset + count > self._file.filehandle.size:
            raise UnreadableSlideError("tifffile: the data lies beyond the end of the file")
        try:
            self._file.filehandle.seek(offset)
            data = self._file.filehandle.read(count)
            _check_coded_size(page, data)
            decoded, _, shape = page.decode(data, index, jpegtables=page.jpegtables, jpegheader=page.jpegheader)
        except Exception as error:  # whatever damaged data makes a codec raise
            raise reason("tifffile", error) from None
        return None if decoded is None else decoded[0, : shape[1], : shape[2]]


def _levels(pages: list[Any]) -> tuple[Level, ...]:
    finest = pages[0].imagewidth, pages[0].imagelength
    return tuple(make_level(index, (page.imagewidth, page.imagelength), finest) for index, page in enumerate(pages))


def _part_size(page: Any) -> tuple[int, int]:
    """Return height and width of a tile or strip."""
    if page.is_tiled:
        return page.tilelength, page.tilewidth
    return min(page.rowsperstrip, page.imagelength), page.imagewidth


def _part_bytes(page: Any) -> int:
    height, width = _part_size(page)
    return max(1, height * width * page.samplesperpixel * page.dtype.itemsize)


def _check_coded_size(page: Any, data: bytes) -> None:
    """Raise UnreadableSlideError for a part that is a file of more values than a part of the page has."""
    find = SIZE_IN.get(page.compression.name)
    if find is not None:
        height, width = _part_size(page)
        size = find((page.jpegheader or b"") + data)
        if size is not None and is_larger(size, height * width, page.samplesperpixel):
            raise UnreadableSlideError(
                f"a tile or strip claims {size.pixels} pixels, expected {width} x {height}, and"
                f" {size.components} values in each, expected {page.samplesperpixel}"
            )


def _check_coding(page: Any) -> None:
    """Raise SlideError for what cannot be decoded, or only with much memory."""
    if not isinstance(page.compression, Enum):
        raise UnreadableSlideError(f"tifffile: unknown compression {page.compression}")
    if _part_bytes(page) > LARGEST_PART_BYTES:
        height, width = _part_size(page)
        raise SlideError(
            f"a tile or strip of {width} x {height} pixels takes {in_bytes(_part_bytes(page))}, expected"
            f" {in_bytes(LARGEST_PART_BYTES)} at most; save the slide with tiles of 256 or 512 pixels"
        )
    if page.planarconfig == 2 and page.samplesperpixel > 1:
        raise SlideError("each colour is stored by itself (planar configuration 2), expected RGB in each pixel")


def _parts(page: Any, box: Box) -> Iterator[tuple[int, Box]]:
    """Yield number and place of the tiles or strips that a box touches."""
    height, width = _part_size(page)
    across = -(-page.imagewidth // width)
    for row in range(box.y // height, -(-box.bottom // height)):
        for column in range(box.x // width, -(-box.right // width)):
            place = Box(column * width, row * height, width, height)
            yield row * across + column, place.within(page.imagewidth, page.imagelength)


def _paste(part: NDArray[Any], place: Box, box: Box, values: NDArray[Any], valid: Valid) -> None:
    left, top = max(place.x, box.x), max(place.y, box.y)
    right, bottom = min(place.right, box.right), min(place.bottom, box.bottom)
    target = np.s_[top - box.y : bottom - box.y, left - box.x : right - box.x]
    values[target] = part[top - place.y : bottom - place.y, left - place.x : right - place.x]
    valid[target] = True
