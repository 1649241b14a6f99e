"""How the channels of a plane are normalised part by part, with the same bits as when they are normalised at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnunetv2.foundation.replaced_parts import OriginalParts
from nnunetv2.preprocessing.normalization.default_normalization_schemes import (
    SMALLEST_DIVISOR,
    CTNormalization,
    ImageNormalization,
    NoNormalization,
    RescaleTo01Normalization,
    RGBTo01Normalization,
    ZScoreNormalization,
)
from nnunetv2.preprocessing.piecewise_sums import Rows, mean_of_plane

Scale = Callable[[np.ndarray], np.ndarray]
"""Normalises values, float32, which it may change."""
_ROWS_AT_ONCE = 256
_SCHEMES = (CTNormalization, NoNormalization, RescaleTo01Normalization, RGBTo01Normalization, ZScoreNormalization)
_OF_THIS_PACKAGE = {kind: OriginalParts.of(kind, ("run",)) for kind in _SCHEMES}


@dataclass(frozen=True)
class PlaneRows:
    """The rows of the channels of a file, float32 whenever they are asked for: all channels, so that few are read."""

    rows: Rows
    height: int
    width: int
    has_gaps: bool
    """Whether the plane is cut out of a wider one, which decides the order in which NumPy adds up its values."""

    def mean_and_deviation(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of each channel, (C,) each."""
        mean = mean_of_plane(self.rows, self.height, self.width, self.has_gaps)
        # the squares are a new plane: one without gaps
        variance = mean_of_plane(
            lambda first, end: np.square(self.rows(first, end) - mean[:, None, None]), self.height, self.width
        )
        return mean, np.sqrt(variance)

    def range(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the smallest and the largest value of each channel, (C,) each, NaN if there is one."""
        smallest, largest = [], []
        for top in range(0, self.height, _ROWS_AT_ONCE):
            part = self.rows(top, min(top + _ROWS_AT_ONCE, self.height))
            smallest.append(part.min(axis=(1, 2)))
            largest.append(part.max(axis=(1, 2)))
        return np.min(smallest, axis=0), np.max(largest, axis=0)


@dataclass(frozen=True)
class SubtractAndDivide:
    """(values - subtracted) / divisor."""

    subtracted: Any
    divisor: Any

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Change float32 values in place and return them."""
        values -= self.subtracted
        values /= self.divisor
        return values


def plane_scales(normalizers: Sequence[ImageNormalization], plane: PlaneRows) -> list[Scale] | None:
    """Return how parts of each channel are normalised; None if a scheme needs the whole channel at once.

    Raises UnfitImageError for values that a scheme refuses.
    """
    kinds = {type(normalizer) for normalizer in normalizers}
    if not all(map(_goes_by_parts, normalizers)):
        return None
    unknown: tuple[Sequence[Any], Sequence[Any]] = ([None] * len(normalizers),) * 2
    ranges = plane.range() if kinds & {RescaleTo01Normalization, RGBTo01Normalization} else unknown
    moments = plane.mean_and_deviation() if ZScoreNormalization in kinds else unknown
    of_channels = zip(normalizers, *ranges, *moments, strict=True)
    return [
        _scale(normalizer, (smallest, largest), (mean, deviation))
        for normalizer, smallest, largest, mean, deviation in of_channels
    ]


def _goes_by_parts(normalizer: ImageNormalization) -> bool:
    kind = type(normalizer)
    is_own = kind in _OF_THIS_PACKAGE and _OF_THIS_PACKAGE[kind].are_in_use(normalizer)
    return is_own and not (kind is ZScoreNormalization and normalizer.use_mask_for_norm)


def _scale(normalizer: ImageNormalization, limits: tuple[Any, Any], moments: tuple[Any, Any]) -> Scale:
    """Return how a channel is normalised whose smallest and largest value, mean and deviation are given if needed."""
    kind = type(normalizer)
    if kind is ZScoreNormalization:
        return SubtractAndDivide(moments[0], max(moments[1], SMALLEST_DIVISOR))
    if kind is RescaleTo01Normalization:
        return SubtractAndDivide(limits[0], max(limits[1] - limits[0], SMALLEST_DIVISOR))
    if kind is RGBTo01Normalization:
        normalizer.run(np.array(limits, dtype=np.float32))  # refuses other values than 0 to 255
        return SubtractAndDivide(0, 255)
    return normalizer.run
