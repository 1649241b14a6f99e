"""How a channel of a plane is normalised part by part, with the same bits as when it is normalised at once."""

from collections.abc import Callable
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
    """The rows of one channel of a plane, float32 whenever they are asked for."""

    rows: Rows
    height: int
    width: int
    has_gaps: bool
    """Whether the plane is cut out of a wider one, which decides the order in which NumPy adds up its values."""

    def mean(self, change: Scale = lambda values: values) -> np.float32:
        """Return the mean of the rows after a change, which gives a new plane: one without gaps."""
        return mean_of_plane(lambda first, end: change(self.rows(first, end)), self.height, self.width)

    def range(self) -> tuple[np.float32, np.float32]:
        """Return the smallest and the largest value, NaN if there is one."""
        parts = [self.rows(top, min(top + _ROWS_AT_ONCE, self.height)) for top in range(0, self.height, _ROWS_AT_ONCE)]
        return np.min([part.min() for part in parts]), np.max([part.max() for part in parts])


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


def plane_scale(normalizer: ImageNormalization, plane: PlaneRows) -> Scale | None:
    """Return how parts of a channel are normalised; None if the scheme needs the whole channel at once.

    Raises UnfitImageError for values that the scheme refuses.
    """
    kind = type(normalizer)
    if kind not in _OF_THIS_PACKAGE or not _OF_THIS_PACKAGE[kind].are_in_use(normalizer):
        return None
    if kind in (CTNormalization, NoNormalization):
        return normalizer.run
    if kind is ZScoreNormalization and not normalizer.use_mask_for_norm:
        return _standardised(plane)
    if kind is RescaleTo01Normalization:
        smallest, largest = plane.range()
        return SubtractAndDivide(smallest, max(largest - smallest, SMALLEST_DIVISOR))
    if kind is RGBTo01Normalization:
        normalizer.run(np.array(plane.range(), dtype=np.float32))  # refuses other values than 0 to 255
        return SubtractAndDivide(0, 255)
    return None


def _standardised(plane: PlaneRows) -> SubtractAndDivide:
    mean = mean_of_plane(plane.rows, plane.height, plane.width, plane.has_gaps)
    variance = plane.mean(lambda values: np.square(values - mean))
    return SubtractAndDivide(mean, max(np.sqrt(variance), SMALLEST_DIVISOR))
