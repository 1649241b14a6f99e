"""The pixels of an image in pieces, so that what is computed of them takes little memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

_PIXELS_AT_ONCE = 2**18

Pixels = npt.NDArray[Any]


def pixel_pieces(image: Pixels) -> Iterator[Pixels]:
    """Yield the pixels of an image (C, x, y, z), or (C, N), in their order, as (C, n)."""
    channels = len(image)
    planes = image.reshape(channels, 1, 1, -1) if image.ndim == 2 else image
    rows = max(1, _PIXELS_AT_ONCE // planes.shape[3])
    for plane in range(planes.shape[1]):
        for top in range(0, planes.shape[2], rows):
            part = planes[:, plane, top : top + rows].reshape(channels, -1)
            for first in range(0, part.shape[1], _PIXELS_AT_ONCE):
                yield part[:, first : first + _PIXELS_AT_ONCE]


def mean_and_deviation(image: Pixels) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and standard deviation of each channel, (C,) each."""
    count = image[0].size
    mean = sum(piece.sum(axis=1, dtype=np.float64) for piece in pixel_pieces(image)) / count
    squares = sum(np.square(piece - mean[:, None]).sum(axis=1) for piece in pixel_pieces(image))
    return mean, np.sqrt(squares / count)


def every_pixel(image: Pixels, step: int) -> Pixels:
    """Return the pixels with the numbers 0, step, 2 step ... as (C, n) float32."""
    chosen = np.unravel_index(np.arange(0, image[0].size, step), image.shape[1:])
    return np.stack([channel[chosen] for channel in image]).astype(np.float32)
