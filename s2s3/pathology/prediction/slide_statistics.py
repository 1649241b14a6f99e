"""The statistics of a slide with which its tiles become z-scores, as those of training images were.

A training image is a window of tissue with all its lumen and glass; so the statistics are those of 64 such windows,
not of the whole slide (glass), nor of a thumbnail (averaging pixels takes variance away).
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nnunetv2.errors import ArgumentError
from nnunetv2.pathology.prediction.slide_normalisation import RGB_CHANNELS, ChannelStatistics
from nnunetv2.pathology.slides.geometry import Box, cells

WINDOWS = 64
LARGEST_WINDOW_PX = 2048
_BLOCK_PX = 1024
_CANDIDATES = 20_000
_R2 = np.array([0.7548776662466927, 0.5698402909980532])
"""Steps of the R2 sequence (Roberts, 2018), which fills the unit square evenly: powers of 1 / 1.32471795..., the real
root of x^3 = x + 1."""

ReadView = Callable[[Box], npt.NDArray[np.uint8]]
"""Returns the pixels (h, w, 3) of a box of the view."""
IsTissue = Callable[[Box], bool]


@dataclass(frozen=True)
class WindowMoments:
    """Of the pixels of one window: mean, variance, smallest and largest value of each channel."""

    mean: npt.NDArray[np.float64]
    variance: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]


def window_moments(pixels: npt.NDArray[np.uint8]) -> WindowMoments:
    """Return the moments of the pixels (h, w, 3), exact to the precision of a double."""
    return _moments_of(_counts(pixels))


def pixel_statistics(pixels: npt.NDArray[np.uint8]) -> ChannelStatistics:
    """Return the statistics of the pixels (h, w, 3) of one window."""
    moments = window_moments(pixels)
    return _statistics(moments.mean, moments.variance, moments.low, moments.high)


def _counts(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Return how many pixels have each grey level, (3, 256)."""
    return np.stack([np.bincount(channel, minlength=256) for channel in pixels.reshape(-1, RGB_CHANNELS).T])


def _moments_of(counts: npt.NDArray[np.int64]) -> WindowMoments:
    values, pixels = np.arange(256), counts[0].sum()
    mean = counts @ values / pixels
    variance = np.maximum(counts @ values**2 / pixels - mean**2, 0)
    present = [np.flatnonzero(channel) for channel in counts]
    low, high = (np.array([float(found[end]) for found in present]) for end in (0, -1))
    return WindowMoments(mean, variance, low, high)


def slide_statistics(
    width: int, height: int, window_px: int, read: ReadView, is_tissue: IsTissue, name: str
) -> tuple[ChannelStatistics, dict[str, Any]]:
    """Return the statistics of windows on tissue: the mean of their means, the root of the mean of their variances.

    Parameters:
        width, height: of the view, as all lengths in its pixels.
        window_px: edge of a training image; windows are at most 2048 pixels wide and never larger than the view.
        is_tissue: whether a box of one pixel is tissue.
        name: of the slide; the same slide has the same windows in every run.

    The second value says in numbers how sure that is: the standard errors and the number of windows.
    """
    edge = min(window_px, LARGEST_WINDOW_PX)
    size = (min(edge, width), min(edge, height))
    boxes = [Box(0, 0, *size)] if size == (width, height) else list(_windows(width, height, size, is_tissue, name))
    return _combined([window_moments(read(box)) for box in boxes])


def whole_view_statistics(width: int, height: int, read: ReadView) -> tuple[ChannelStatistics, dict[str, Any]]:
    """Return the statistics of all pixels of the view, read block by block."""
    counts = np.zeros((RGB_CHANNELS, 256), dtype=np.int64)
    for box in cells(width, height, _BLOCK_PX):
        counts += _counts(read(box))
    all_pixels = _moments_of(counts)
    statistics = _statistics(all_pixels.mean, all_pixels.variance, all_pixels.low, all_pixels.high)
    return statistics, {"standard_error": None, "windows": 1}


def given_statistics(text: str) -> ChannelStatistics:
    """Return the statistics of `m1,m2,m3/s1,s2,s3`. Raises ArgumentError for another form."""
    try:
        mean, std = (tuple(float(number) for number in part.split(",")) for part in text.split("/"))
    except ValueError:
        mean = std = ()
    if not (len(mean) == len(std) == RGB_CHANNELS and min(std) > 0 and np.isfinite([mean, std]).all()):
        raise ArgumentError(
            f"--normalization values:{text}: expected values:m1,m2,m3/s1,s2,s3, means and standard deviations of red,"
            " green and blue in grey levels"
        )
    return ChannelStatistics(mean, std)


def _windows(width: int, height: int, size: tuple[int, int], is_tissue: IsTissue, name: str) -> Iterator[Box]:
    """Yield up to 64 windows whose centres lie on tissue, spread evenly; windows stay inside the view."""
    start = np.frombuffer(hashlib.sha256(name.encode()).digest()[:8], np.uint32) / 2**32
    found = 0
    for number in range(_CANDIDATES):
        x, y = ((start + number * _R2) % 1 * (width, height)).astype(int)
        if is_tissue(Box(int(x), int(y), 1, 1)):
            left, top = (
                int(np.clip(c - s // 2, 0, n - s)) for c, s, n in zip((x, y), size, (width, height), strict=True)
            )
            yield Box(left, top, *size)
            found += 1
            if found == WINDOWS:
                return
    if not found:
        yield Box((width - size[0]) // 2, (height - size[1]) // 2, *size)


def _combined(windows: list[WindowMoments]) -> tuple[ChannelStatistics, dict[str, Any]]:
    means = np.stack([window.mean for window in windows])
    deviations = np.sqrt([window.variance for window in windows])
    statistics = _statistics(
        means.mean(axis=0),
        np.mean([window.variance for window in windows], axis=0),
        np.min([window.low for window in windows], axis=0),
        np.max([window.high for window in windows], axis=0),
    )
    errors = [_standard_error(values) for values in (means, deviations)]
    return statistics, {"standard_error": dict(zip(("mean", "std"), errors, strict=True)), "windows": len(windows)}


def _standard_error(values: npt.NDArray[Any]) -> list[float] | None:
    if len(values) < 2:
        return None
    return [float(error) for error in values.std(axis=0, ddof=1) / np.sqrt(len(values))]


def _statistics(mean: Any, variance: Any, low: Any, high: Any) -> ChannelStatistics:
    std = np.sqrt(np.maximum(variance, 0))
    return ChannelStatistics(*(tuple(float(value) for value in values) for values in (mean, std, low, high)))
