"""Reads windows of label images in TIFF, of any size: pyramids that a prediction has written, and masks."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from nnunetv2.errors import AnnotationError, CallError, MissingFileError
from nnunetv2.pathology.annotations.annotation_set import Array
from s1.readable_files import is_given

_LARGEST_SEGMENT_PX = 2**26
"""Of a tile or strip, which is read as a whole."""


class LabelPyramid:
    """A plane of a TIFF with 8 or 16 bits, in tiles or strips, with any number of levels; a context manager.

    Parameters:
        plane: its number; label images have one.

    Raises MissingFileError, or AnnotationError for a file of another kind or a damaged one.
    """

    def __init__(self, path: Path, plane: int = 0):
        import tifffile

        if not is_given(path, AnnotationError):
            raise MissingFileError(f"file not found: {path}")
        self.path = path
        with ExitStack() as stack:
            try:
                self._file = stack.enter_context(tifffile.TiffFile(path))
                self._pages = [_page(level.pages[plane]) for level in self._file.series[0].levels]
            except Exception as error:  # whatever a damaged file makes tifffile raise
                raise self._damaged(str(error)) from error
            for page in self._pages:
                self._check(page)
            stack.pop_all()  # stays open

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Height and width of each level, finest first."""
        return [(page.imagelength, page.imagewidth) for page in self._pages]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the labels: uint8 or uint16."""
        return np.dtype(self._pages[0].dtype)

    @property
    def description(self) -> dict[str, Any]:
        """What the file says about labels and model; empty if it says nothing."""
        import tifffile

        try:
            images = tifffile.xml2dict(self._file.ome_metadata or "<OME/>")["OME"]["Image"]
            first = images[0] if isinstance(images, tuple | list) else images
            content = json.loads(first["Description"])
        except (KeyError, IndexError, TypeError, ValueError, SyntaxError):
            return {}
        return content if isinstance(content, dict) else {}

    def read(self, top: int, left: int, height: int, width: int, level: int = 0) -> Array:
        """Return a window, (height, width), of a level; only the tiles that it touches are read.

        Raises CallError for a window that is not inside the level, AnnotationError for a damaged tile.
        """
        page, size = self._pages[level], self.sizes[level]
        if min(top, left, height, width) < 0 or top + height > size[0] or left + width > size[1]:
            window_size = f"window ({top}, {left}) of {height} x {width}"
            raise CallError(f"{window_size} is not inside a level of {size[0]} x {size[1]}")
        window = np.empty((height, width), self.dtype)
        for number, row, column in _tiles_touching(page, top, left, height, width):
            tile = self._tile(page, number)
            rows, columns = _common(row, len(tile), top, height), _common(column, tile.shape[1], left, width)
            window[rows[1], columns[1]] = tile[rows[0], columns[0]]
        return window

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> "LabelPyramid":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def _check(self, page: Any) -> None:
        if page.dtype not in (np.dtype(np.uint8), np.dtype(np.uint16)) or page.samplesperpixel != 1:
            raise self._damaged("it is no image of one channel with 8 or 16 bits")
        rows, columns = _segment_size(page)
        if page.imagedepth != 1 or rows < 1 or columns < 1 or rows * columns > _LARGEST_SEGMENT_PX:
            raise self._damaged(f"its tiles have {rows} x {columns} pixels")

    def _tile(self, page: Any, number: int) -> Array:
        try:
            handle = self._file.filehandle
            handle.seek(page.dataoffsets[number])
            data, _, shape = page.decode(handle.read(page.databytecounts[number]), number)
            tile: Array = data.reshape(shape[1:3])
        except Exception as error:  # every codec has exceptions of its own
            raise self._damaged(f"tile {number}: {error}") from error
        return tile

    def _damaged(self, reason: str) -> AnnotationError:
        cause = (reason or "?").splitlines()[0]
        return AnnotationError(f"{self.path}: damaged, or no label image in TIFF ({cause})")


def _tiles_touching(page: Any, top: int, left: int, height: int, width: int) -> Iterator[tuple[int, int, int]]:
    """Yield the number of each tile that a window touches, and its first row and column."""
    rows, columns = _segment_size(page)
    across = -(-page.imagewidth // columns)
    for row in range(top // rows, -(-(top + height) // rows)):
        for column in range(left // columns, -(-(left + width) // columns)):
            yield row * across + column, row * rows, column * columns


def _page(page: Any) -> Any:
    return page.aspage() if hasattr(page, "aspage") else page


def _segment_size(page: Any) -> tuple[int, int]:
    """Return height and width of a tile; strips are tiles as wide as the image."""
    if page.is_tiled:
        return page.tilelength, page.tilewidth
    return min(page.rowsperstrip, page.imagelength), page.imagewidth


def _common(first: int, length: int, start: int, wanted: int) -> tuple[slice, slice]:
    """Return what a tile and a window have in common along an axis, as a part of each."""
    low, high = max(first, start), min(first + length, start + wanted)
    return slice(low - first, high - first), slice(low - start, high - start)
