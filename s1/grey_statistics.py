"""Grey values of an image, and the integer counts that give their mean, spread and contrast (method, section 1.1).

All counts are integers, so NumPy on the CPU and torch on any device give exactly the same results.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

RED, GREEN, BLUE = 2125, 7154, 721
"""Weights of the channels in ten-thousandths: Y = 0.2125 R + 0.7154 G + 0.0721 B."""
_SCALE = 10_000
_BLOCK_PIXELS = 1 << 16


@dataclass(frozen=True)
class GreyStatistics:
    """Counts of one image's grey values."""

    histogram: tuple[int, ...]
    """Number of pixels of each grey value 0..255."""
    squared_steps: int
    """Sum of the squared differences of horizontal neighbours."""
    neighbours: int
    """Number of pairs of horizontal neighbours."""

    @property
    def mean(self) -> float:
        """Mean grey value, 0..255."""
        return self._moment(1) / sum(self.histogram)

    @property
    def std(self) -> float:
        """Population standard deviation of the grey values."""
        count = sum(self.histogram)
        return math.sqrt(count * self._moment(2) - self._moment(1) ** 2) / count

    @property
    def contrast(self) -> float:
        """Contrast of the grey-level co-occurrence matrix at distance 1, angle 0, symmetric and normalised.

        Equal to the mean squared difference of horizontal neighbours (method, section 1.1); 0 for one-column images.
        """
        return self.squared_steps / self.neighbours if self.neighbours else 0.0

    def _moment(self, power: int) -> int:
        return sum(count * value**power for value, count in enumerate(self.histogram))


def measure_grey(image: NDArray[np.uint8], device: Any = None) -> GreyStatistics:
    """Count the grey values of an image (H, W, 3) or (H, W); `device` is a torch device, None means NumPy."""
    if device is not None:
        return _measure_with_torch(image, device)
    height, width = image.shape[:2]
    grey = np.empty((height, width), np.uint8)
    squared_steps = 0
    rows = max(1, _BLOCK_PIXELS // width)  # blocks fit the CPU cache
    for start in range(0, height, rows):
        grey[start : start + rows] = grey_values(image[start : start + rows])
        values = grey[start : start + rows].astype(np.int32)
        steps = values[:, 1:] - values[:, :-1]
        squared_steps += int((steps * steps).sum(dtype=np.int64))
    return GreyStatistics(_count_values(grey), squared_steps, height * (width - 1))


def _count_values(grey: NDArray[np.uint8]) -> tuple[int, ...]:
    """Count each value 0..255, two neighbours at a time as one 16-bit number, which takes half the time."""
    flat = grey.ravel()
    pairs = np.bincount(flat[: flat.size // 2 * 2].view(np.uint16), minlength=1 << 16).reshape(256, 256)
    counts = pairs.sum(axis=0) + pairs.sum(axis=1)
    if flat.size % 2:
        counts[flat[-1]] += 1
    return tuple(counts.tolist())


def grey_values(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the grey values (H, W), truncated to integers, of an image (H, W, 3); grey images are returned unchanged.

    Bit for bit `(skimage.color.rgb2gray(image) * 255).astype(uint8)`, the published definition: where the weighted sum
    is exactly an integer, its floating-point product may fall just below it and is truncated to one less.
    """
    if image.ndim == 2:
        return image
    # Integers below 2 ** 24 are exact in float32. No BLAS: its threads would compete with our workers.
    weighted = image[..., 0] * np.float32(RED)
    weighted += image[..., 1] * np.float32(GREEN)
    weighted += image[..., 2] * np.float32(BLUE)
    grey = np.floor(weighted / np.float32(_SCALE))
    exact = np.flatnonzero(weighted == grey * np.float32(_SCALE))
    red, green, blue = (channel[exact].astype(np.int32) for channel in image.reshape(-1, 3).T)
    grey.reshape(-1)[exact[falls_short()[(red << 16) | (green << 8) | blue]]] -= 1
    return grey.astype(np.uint8)


@cache
def falls_short() -> NDArray[np.bool_]:
    """Return for each colour (index R * 65536 + G * 256 + B) whether its grey value is one below the exact sum.

    This happens only among the 1722 colours whose weighted sum is an integer; the floating-point product is computed
    as in scikit-image, so that the two agree on every processor.
    """
    colours = _colours_with_integer_sum()
    exact = colours @ [RED, GREEN, BLUE] // _SCALE
    as_image = np.stack([colours, colours]) * (1 / 255.0)  # two rows: BLAS treats a single one differently
    product = (as_image @ np.array([0.2125, 0.7154, 0.0721]))[0] * 255
    table = np.zeros(1 << 24, bool)
    table[colours @ [1 << 16, 1 << 8, 1]] = product.astype(np.uint8) != exact
    return table


def _colours_with_integer_sum() -> NDArray[np.int64]:
    """Return the colours (N, 3) whose weighted sum is an integer: at most one green for each red and blue."""
    levels = np.arange(256)
    green_for = np.full(_SCALE, -1)
    green_for[-GREEN * levels % _SCALE] = levels
    green = green_for[(RED * levels[:, None] + BLUE * levels) % _SCALE]
    red, blue = np.nonzero(green >= 0)
    return np.stack([red, green[red, blue], blue], axis=1)


def _measure_with_torch(image: NDArray[np.uint8], device: Any) -> GreyStatistics:
    import torch

    pixels = torch.from_numpy(np.array(image)).to(device)
    grey = pixels.long() if pixels.ndim == 2 else _torch_grey(pixels.int())
    steps = grey[:, 1:] - grey[:, :-1]
    histogram = torch.bincount(grey.flatten(), minlength=256)
    return GreyStatistics(tuple(histogram.tolist()), int((steps * steps).sum()), steps.numel())


def _torch_grey(pixels: Any) -> Any:
    """Return the grey values (H, W), int64, of pixels (H, W, 3), int32."""
    red, green, blue = pixels.unbind(-1)
    weighted = RED * red + GREEN * green + BLUE * blue
    grey = weighted.div(_SCALE, rounding_mode="floor").long()
    return grey - _torch_falls_short(pixels.device)[((red << 16) | (green << 8) | blue).long()].long()


@cache
def _torch_falls_short(device: Any) -> Any:
    import torch

    return torch.from_numpy(falls_short()).to(device)
