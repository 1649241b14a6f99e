"""Rows of a large TIFF file, decoded when they are asked for, so that the image never is in memory as a whole.

Values are those of `tiff_files.read_tiff`. That is possible for grey, RGB and RGBA files whose values are shown as they
are stored and that lie in the file in strips or tiles which are small beside the image, or without compression.
"""

import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s1.claimed_size import check_claimed_size, in_bytes
from s1.damaged_files import damaged
from s1.errors import ImageProblemError
from s1.free_memory import available_bytes
from s1.orientation import ORIENTATION_TAG, UPRIGHT
from s1.picture import COLOUR_CHANNELS
from s1.tiff_files import CHECKED_CODINGS, opened_tiff
from s1.tiff_parts import JPEG

PathLike = str | os.PathLike[str]

SMALLEST_BYTES = 64 * 2**20
"""Images that take less are decoded at once, which is faster."""
_AXES = ("YX", "YXS")
_ALPHA_THAT_STAYS = 2
_FEWEST_BANDS = 4
"""Rows of parts in an image; with fewer, a part takes too large a share of it."""
_ROWS_KEPT = 512


@dataclass(frozen=True)
class TiffRows:
    """The rows of an image as its viewer shows it. Can be sent to another process, which opens the file again."""

    path: str
    shape: tuple[int, int, int]
    """(height, width, channels)."""
    dtype: np.dtype[Any]
    stamp: tuple[int, int]
    """Bytes of the file and when it was changed, to notice that it is another one."""
    _pages: list[Any] = field(default_factory=list, compare=False, repr=False)
    _bands: "OrderedDict[int, NDArray[Any]]" = field(default_factory=OrderedDict, compare=False, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what was read."""
        return {**self.__dict__, "_pages": [], "_bands": OrderedDict()}

    @property
    def rows_in_memory(self) -> int:
        """Most rows that are decoded at a time."""
        return _rows_in_memory(self._page())

    @property
    def coding(self) -> str:
        """How the parts are compressed, as tifffile names it: NONE, LZW, ADOBE_DEFLATE, JPEG, ..."""
        return str(self._page().compression.name)

    def rows(self, top: int, bottom: int) -> NDArray[Any]:
        """Return rows (bottom - top, width, channels) of the image as a new array.

        Raises ImageProblemError if the file is damaged or was replaced, and what codecs raise for damaged parts.
        """
        page = self._page()
        if page.is_contiguous:
            return self._stored_rows(page, top, bottom)
        height = _part_height(page)
        values = np.empty((bottom - top, *self.shape[1:]), self.dtype)
        for number in range(top // height, -(-bottom // height)):
            first, end = max(top, number * height), min(bottom, (number + 1) * height)
            band = self._band(page, number, bottom - top)
            values[first - top : end - top] = band[first - number * height : end - number * height]
        return values

    def _page(self) -> Any:
        """Return tifffile's description of the image, which needs no open file any more."""
        if not self._pages:
            again = tiff_rows(self.path, 0)
            if again is None or again != self:
                raise self._replaced()
            self._pages.extend(again._pages)
        return self._pages[0]

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """Yield the file, opened; raise ImageProblemError if it is another one, or was changed."""
        with Path(self.path).open("rb") as stream:
            if _stamp(os.fstat(stream.fileno())) != self.stamp:
                raise self._replaced()
            yield stream

    def _replaced(self) -> ImageProblemError:
        return ImageProblemError(f"{self.path}: was replaced by another file while it was read; predict it anew")

    def _stored_rows(self, page: Any, top: int, bottom: int) -> NDArray[Any]:
        stored = self.dtype.newbyteorder(page.parent.byteorder)
        row_bytes = prod(self.shape[1:]) * stored.itemsize
        content = bytearray((bottom - top) * row_bytes)
        with self._opened() as stream:
            stream.seek(page.dataoffsets[0] + top * row_bytes)
            if stream.readinto(content) < len(content):
                raise damaged(self.path)
        values = np.frombuffer(content, stored).reshape(bottom - top, *self.shape[1:])
        return values.astype(self.dtype, copy=False)

    def _band(self, page: Any, number: int, rows_asked_for: int) -> NDArray[Any]:
        """Return a row of parts, (height, width, channels); those used last are kept for the tiles of the next row."""
        if number not in self._bands:
            kept = max(2, -(-(2 * rows_asked_for + _ROWS_KEPT) // _part_height(page)))
            while len(self._bands) >= kept:
                self._bands.popitem(last=False)
            self._bands[number] = self._decoded_band(page, number)
        self._bands.move_to_end(number)
        return self._bands[number]

    def _decoded_band(self, page: Any, number: int) -> NDArray[Any]:
        height, (_, width, channels) = _part_height(page), self.shape
        band = np.empty((min(height, self.shape[0] - number * height), width, channels), self.dtype)
        across = -(-width // page.tilewidth) if page.is_tiled else 1
        tables = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader} if _is_jpeg(page) else {}
        with self._opened() as stream:
            for index in range(number * across, (number + 1) * across):
                data = _part(stream, page.dataoffsets[index], page.databytecounts[index])
                part, (_, _, _, left, _), shape = page.decode(data, index, _fullsize=False, **tables)
                place = band[:, left : left + shape[2]]
                place[...] = page.nodata if part is None else part[0, : len(band), : width - left]
        return band


def tiff_rows(path: PathLike, smallest_bytes: int | None = None) -> TiffRows | None:
    """Return the rows of a TIFF file; None if it has to be read at once, or is small enough for that.

    Parameters:
        smallest_bytes: of an image that is worth it; None: SMALLEST_BYTES.

    Raises ImageProblemError for sizes that cannot be true or do not fit into memory, or what tifffile does for damaged
    files.
    """
    status = os.stat(path)
    with opened_tiff(path, decodes_all=False) as series:
        page = series.pages[0]
        if len(series.pages) != 1 or not _is_shown_as_stored(series, page) or not _is_in_small_parts(page):
            return None
        if page.nbytes < (SMALLEST_BYTES if smallest_bytes is None else smallest_bytes):
            return None
        _check_memory(path, page)
        _ = page.decode  # tifffile makes it when it is first asked for, here with the file open
        shape = page.imagelength, page.imagewidth, page.samplesperpixel
        return TiffRows(os.fspath(path), shape, np.dtype(page.dtype), _stamp(status), [page])


def _stamp(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def _rows_in_memory(page: Any) -> int:
    return int(min(page.imagelength, 2 * (_part_height(page) + _ROWS_KEPT)))


def _check_memory(path: PathLike, page: Any) -> None:
    """Raise ImageProblemError if the rows that are kept, and a label for each pixel, do not fit into memory."""
    check_claimed_size(path, (_rows_in_memory(page), page.imagewidth, page.samplesperpixel), page.dtype.itemsize)
    free = available_bytes()
    if free is not None and page.imagelength * page.imagewidth > free:
        raise ImageProblemError(
            f"{path}: a label for each of its {page.imagelength} x {page.imagewidth} pixels takes"
            f" {in_bytes(page.imagelength * page.imagewidth)}, {in_bytes(free)} are free; cut out a smaller region"
        )


def _is_shown_as_stored(series: Any, page: Any) -> bool:
    """Tell whether the decoded values are the pixels, colours last."""
    if page is not series.keyframe or (series.shape, series.dtype) != (page.shape, page.dtype) or series.transform:
        return False
    meaning = page.photometric.name if "PhotometricInterpretation" in page.tags else "MINISBLACK"
    orientation = page.tags.get(ORIENTATION_TAG)
    return (
        page.axes in _AXES
        and not series.is_multifile
        and (meaning in ("MINISBLACK", "RGB") or (meaning == "YCBCR" and _is_jpeg(page)))
        and (page.samplesperpixel == 1 if page.axes == "YX" else page.samplesperpixel in COLOUR_CHANNELS)
        and (page.planarconfig == 1 or page.samplesperpixel == 1)
        and page.imagedepth == 1
        and set(page.extrasamples) <= {_ALPHA_THAT_STAYS}
        and (orientation is None or orientation.value == UPRIGHT)
        and page.dtype is not None
        and page.dtype.kind in "uif"
        and page.bitspersample == page.dtype.itemsize * 8
        and page.fillorder == 1
    )


def _is_in_small_parts(page: Any) -> bool:
    """Tell whether rows can be had without decoding most of the image, and the sizes of parts are checked."""
    if page.is_contiguous:
        is_stored = all(page.dataoffsets) and all(page.databytecounts)
        return bool(page.predictor == 1 and is_stored)
    bands = -(-page.imagelength // _part_height(page))
    across = -(-page.imagewidth // page.tilewidth) if page.is_tiled else 1
    return (
        page.compression.name in CHECKED_CODINGS
        and bands >= _FEWEST_BANDS
        and page.jpegheader is None
        and (not page.is_tiled or page.tiledepth == 1)
        and len(page.dataoffsets) == len(page.databytecounts) == bands * across
    )


def _is_jpeg(page: Any) -> bool:
    return getattr(page.compression, "name", "") in JPEG


def _part_height(page: Any) -> int:
    return int(page.tilelength if page.is_tiled else min(page.rowsperstrip, page.imagelength))


def _part(stream: Any, offset: int, count: int) -> bytes | None:
    if not offset or not count:
        return None
    stream.seek(offset)
    return bytes(stream.read(count))
