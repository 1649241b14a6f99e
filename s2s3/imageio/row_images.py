"""A large 2D image of which rows are read when they are needed."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnunetv2.imageio.reading_errors import naming_file, reading
from s1.readable_files import hindrance
from s1.tiff_files import is_tiff
from s1.tiff_parts import JPEG
from s1.tiff_rows import TiffRows, tiff_rows

_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class RowImage:
    """An image (C, 1, H, W) in a file, with what preprocessing by parts asks of an array."""

    rows: TiffRows

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(C, 1, H, W)."""
        height, width, channels = self.rows.shape
        return channels, 1, height, width

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self.rows.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def part(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a part (C, rows, columns), a view of new values; the slices have a start and an end inside the image.

        Raises ImageProblemError if the file is damaged or was replaced meanwhile.
        """
        with naming_file(self.rows.path):
            return self.rows.rows(rows.start, rows.stop)[:, columns].transpose(2, 0, 1)

    def pixels(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the pixels (C, n) at places that are sorted by rows; errors as of `part`."""
        _, _, height, width = self.shape
        found = []
        for top in range(0, height, _ROWS_AT_ONCE):
            first, end = np.searchsorted(rows, (top, top + _ROWS_AT_ONCE))
            if first < end:
                part = self.part(slice(top, min(top + _ROWS_AT_ONCE, height)), slice(0, width))
                found.append(part[:, rows[first:end] - top, columns[first:end]])
        return np.concatenate(found, axis=1)


def row_image(path: str) -> RowImage | None:
    """Return a file as a RowImage; None if it has to be, or better is, read at once, by a reader that checks it."""
    if hindrance(path) is not None or not is_tiff(path):  # a pipe would be waited for
        return None
    with reading(path):
        rows = tiff_rows(path)
    return None if rows is None else RowImage(rows)


def label_row_image(path: str) -> RowImage | None:
    """Return a file of labels as a RowImage; None if it has to be, or better is, read at once, or to refuse it."""
    rows = row_image(path)
    if rows is None or len(rows) != 1:
        return None
    with naming_file(path):
        return None if rows.rows.coding in JPEG else rows


def part_of(image: np.ndarray | RowImage, rows: slice, columns: slice) -> np.ndarray:
    """Return a part (C, rows, columns) of an image (C, 1, H, W)."""
    return image.part(rows, columns) if isinstance(image, RowImage) else image[:, 0, rows, columns]


def pixels_of(image: np.ndarray | RowImage, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the pixels (C, n) of an image (C, 1, H, W) at places that are sorted by rows."""
    return image.pixels(rows, columns) if isinstance(image, RowImage) else image[:, 0, rows, columns]
