"""Texture of one image, as a handful of statistics of its grey values at three scales."""

import numpy as np
from numpy.typing import NDArray

from s1.grey_statistics import grey_values

FloatArray = NDArray[np.float64]
Floats32 = NDArray[np.float32]

SCALES = (1, 2, 4)
"""Sides of the blocks of pixels that are averaged first."""
NAMES = tuple(f"{kind}_{scale}" for scale in SCALES for kind in ("gradient", "laplacian", "correlation"))
SHARPNESS = NAMES.index("laplacian_1")
"""Position of the sharpness, the energy of the Laplacian at the scale of the image itself."""
WINDOW_PX = 128
_WINDOWS_PER_SIDE = 3
_SMALLEST = 1e-6


def texture_statistics(image: NDArray[np.uint8]) -> FloatArray:
    """Return the statistics (9,), in the order of NAMES, of an image (H, W, 3) or (H, W).

    With g the grey values in 0..1, averaged over blocks of s x s pixels, and means over all pixels:
    gradient: log10 of mean((g(r, c+1) - g)^2) + mean((g(r+1, c) - g)^2);
    laplacian: log10 of the mean squared 5-point Laplacian, the usual measure of sharpness;
    correlation: 1 - mean squared step / (2 variance), which is the correlation of neighbours in a grey-level
    co-occurrence matrix at distance 1 (Haralick 1973), up to the border.

    Measured in at most 3 x 3 evenly spread windows of 128 pixels, so that the time does not grow with the image.
    """
    windows = [grey_values(image[window]).astype(np.float32) / np.float32(255) for window in _windows(image.shape[:2])]
    return np.concatenate([_statistics([_shrunk(grey, scale) for grey in windows]) for scale in SCALES])


def _windows(shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    rows, columns = (_spans(side) for side in shape)
    return [(row, column) for row in rows for column in columns]


def _spans(side: int) -> list[slice]:
    count = min(_WINDOWS_PER_SIDE, max(1, side // WINDOW_PX))
    starts = np.linspace(0, max(0, side - WINDOW_PX), count).round().astype(int).tolist()
    return [slice(start, start + WINDOW_PX) for start in starts]


def _shrunk(grey: Floats32, scale: int) -> Floats32:
    rows, columns = (side // scale for side in grey.shape)
    blocks = grey[: rows * scale, : columns * scale].reshape(rows, scale, columns, scale)
    return np.asarray(blocks.mean(axis=(1, 3)))


def _statistics(windows: list[Floats32]) -> FloatArray:
    across = _mean_square([np.diff(grey, axis=1) for grey in windows])
    down = _mean_square([np.diff(grey, axis=0) for grey in windows])
    laplacian = _mean_square([_laplacian(grey) for grey in windows])
    values = np.concatenate([grey.ravel() for grey in windows])
    variance = float(values.var(dtype=np.float64)) if values.size else 0.0
    correlation = 1 - (across + down) / 2 / (2 * variance + _SMALLEST)
    return np.array([np.log10(across + down + _SMALLEST), np.log10(laplacian + _SMALLEST), correlation])


def _laplacian(grey: Floats32) -> Floats32:
    if min(grey.shape) < 3:
        return grey[:0]
    middle = grey[1:-1, 1:-1]
    return np.asarray(grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * middle)


def _mean_square(parts: list[Floats32]) -> float:
    """Return the mean square of all values, 0 if there are none."""
    count = sum(part.size for part in parts)
    return sum(float(np.square(part).sum(dtype=np.float64)) for part in parts) / count if count else 0.0
