"""Texture of one image, as a handful of statistics of its grey values at three scales."""

import numpy as np
from numpy.typing import NDArray

from s1.grey_statistics import BLUE, GREEN, RED

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

    With g the grey values in 0..1, not truncated, averaged over blocks of s x s pixels, and means over all pixels:
    gradient: log10 of mean((g(r, c+1) - g)^2) + mean((g(r+1, c) - g)^2);
    laplacian: log10 of the mean squared 5-point Laplacian, the usual measure of sharpness;
    correlation: 1 - mean squared step / (2 variance), which is the correlation of neighbours in a grey-level
    co-occurrence matrix at distance 1 (Haralick 1973), up to the border.

    Measured in at most 3 x 3 evenly spread windows of 128 pixels, so that the time does not grow with the image.
    """
    windows = np.stack([_grey(image[window]) for window in _windows(image.shape[:2])])
    return np.concatenate([_statistics(_shrunk(windows, scale)) for scale in SCALES])


def _grey(image: NDArray[np.uint8]) -> Floats32:
    """Return the grey values (H, W) in 0..1."""
    if image.ndim == 2:
        return image.astype(np.float32) / np.float32(255)
    weights = np.array([RED, GREEN, BLUE], np.float32) / np.float32(255 * sum((RED, GREEN, BLUE)))
    red, green, blue = (image[..., channel] * weights[channel] for channel in range(3))
    return red + green + blue


def _windows(shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    rows, columns = (_spans(side) for side in shape)
    return [(row, column) for row in rows for column in columns]


def _spans(side: int) -> list[slice]:
    count = min(_WINDOWS_PER_SIDE, max(1, side // WINDOW_PX))
    starts = np.linspace(0, max(0, side - WINDOW_PX), count).round().astype(int).tolist()
    return [slice(start, start + WINDOW_PX) for start in starts]


def _shrunk(windows: Floats32, scale: int) -> Floats32:
    """Return windows (N, h, w) as means over blocks, (N, h // scale, w // scale)."""
    rows, columns = (side // scale for side in windows.shape[1:])
    cut = windows[:, : rows * scale, : columns * scale]
    parts = [cut[:, row::scale, column::scale] for row in range(scale) for column in range(scale)]
    return np.asarray(sum(parts[1:], parts[0]) / np.float32(len(parts)))


def _statistics(windows: Floats32) -> FloatArray:
    across, down = (_mean_square(np.diff(windows, axis=axis)) for axis in (2, 1))
    laplacian = _mean_square(_laplacian(windows))
    variance = _mean_square(windows - windows.mean(dtype=np.float64).astype(np.float32)) if windows.size else 0.0
    correlation = 1 - (across + down) / 2 / (2 * variance + _SMALLEST)
    return np.array([np.log10(across + down + _SMALLEST), np.log10(laplacian + _SMALLEST), correlation])


def _laplacian(windows: Floats32) -> Floats32:
    if min(windows.shape[1:]) < 3:
        return windows[:, :0]
    around = windows[:, :-2, 1:-1] + windows[:, 2:, 1:-1] + windows[:, 1:-1, :-2] + windows[:, 1:-1, 2:]
    return np.asarray(around - 4 * windows[:, 1:-1, 1:-1])


def _mean_square(values: Floats32) -> float:
    """Return the mean square, 0 of nothing."""
    return float(np.square(values).mean(dtype=np.float64)) if values.size else 0.0
