"""The pixels of an image in pieces, so that what is computed of them takes little memory."""

from collections.abc import Iterator
from math import prod
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

_PIXELS_AT_ONCE = 2**18

Pixels = npt.NDArray[Any]


class PictureRows(Protocol):
    """A picture of which rows are read whenever they are asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, 1, height, width)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""

    def rows(self, first: int, end: int) -> Pixels:
        """Return these rows, (C, end - first, width)."""


def pixel_pieces(image: Pixels | PictureRows) -> Iterator[Pixels]:
    """Yield the pixels of an image (C, x, y, z), or (C, N), in their order, as (C, n)."""
    for rows in _rows(image):
        part = rows.reshape(len(rows), -1)
        for first in range(0, part.shape[1], _PIXELS_AT_ONCE):
            yield part[:, first : first + _PIXELS_AT_ONCE]


def _rows(image: Pixels | PictureRows) -> Iterator[Pixels]:
    """Yield (C, n, width) for rows that make a piece together."""
    if isinstance(image, np.ndarray) and image.ndim == 2:
        yield image
        return
    _, planes, height, width = image.shape
    step = max(1, _PIXELS_AT_ONCE // width)
    for plane in range(planes):
        for top in range(0, height, step):
            end = min(top + step, height)
            yield image[:, plane, top:end] if isinstance(image, np.ndarray) else image.rows(top, end)


def extremes(image: Pixels | PictureRows) -> tuple[Pixels, Pixels]:
    """Return the smallest and the largest value of each channel, (C,) each."""
    of_pieces = [(piece.min(axis=1), piece.max(axis=1)) for piece in pixel_pieces(image)]
    smallest, largest = zip(*of_pieces, strict=True)
    return np.min(smallest, axis=0), np.max(largest, axis=0)


def mean_and_deviation(image: Pixels | PictureRows) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and standard deviation of each channel, (C,) each."""
    count = prod(image.shape[1:])
    mean = sum(piece.sum(axis=1, dtype=np.float64) for piece in pixel_pieces(image)) / count
    squares = sum(np.square(piece - mean[:, None]).sum(axis=1) for piece in pixel_pieces(image))
    return mean, np.sqrt(squares / count)


def every_pixel(image: Pixels | PictureRows, step: int) -> Pixels:
    """Return the pixels with the numbers 0, step, 2 step ... as (C, n) float32."""
    chosen, first = [], 0
    for piece in pixel_pieces(image):
        chosen.append(piece[:, -first % step :: step].astype(np.float32))
        first += piece.shape[1]
    return np.ascontiguousarray(np.concatenate(chosen, axis=1))
