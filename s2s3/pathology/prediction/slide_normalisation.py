"""Turns pixels of a slide into what the network was trained on: the plans' normalisation, with one idea of an "image".

Schemes that work pixel by pixel need nothing else. Z-scores, and the range of an image, need statistics of the slide;
as they are the same for all of its tiles, normalisation is one affine map without seams.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nnunetv2.errors import SettingsError
from nnunetv2.preprocessing.normalization.default_normalization_schemes import (
    SMALLEST_DIVISOR,
    ImageNormalization,
    RescaleTo01Normalization,
    ZScoreNormalization,
)
from nnunetv2.utilities.find_class_by_name import recursive_find_python_class, require_class

RGB_CHANNELS = 3
_PACKAGE = "nnunetv2.preprocessing.normalization"
Pixels = npt.NDArray[np.uint8]
Tile = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ChannelStatistics:
    """Of red, green and blue, in grey levels 0..255."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    low: tuple[float, ...] = (0.0,) * RGB_CHANNELS
    """Smallest value."""
    high: tuple[float, ...] = (255.0,) * RGB_CHANNELS
    """Largest value."""


@dataclass(frozen=True)
class SlideNormalisation:
    """The scheme of each channel, found by its name in the plans."""

    schemes: tuple[ImageNormalization, ...]

    @property
    def needs_statistics(self) -> bool:
        """Whether a scheme looks at the image as a whole."""
        return any(isinstance(scheme, ZScoreNormalization | RescaleTo01Normalization) for scheme in self.schemes)

    def normalised(self, pixels: Pixels, statistics: ChannelStatistics | None, out: Tile | None = None) -> Tile:
        """Return pixels (h, w, 3) as the network's channels, float32 (3, h, w).

        Parameters:
            statistics: needed if `needs_statistics`.
            out: takes the channels; None: a new array.
        """
        channels = np.empty((len(self.schemes), *pixels.shape[:2]), np.float32) if out is None else out
        for index, scheme in enumerate(self.schemes):
            channels[index] = pixels[..., index]
            channels[index] = _normalised(channels[index], scheme, statistics, index)
        return channels


def slide_normalisation(configuration: Any, intensities: dict[str, Any]) -> SlideNormalisation:
    """Return the normalisation of a configuration of the plans.

    Parameters:
        configuration: ConfigurationManager.
        intensities: statistics of each channel's foreground, from the plans.

    Raises SettingsError if it is not for three channels, or takes statistics inside a mask, which slides do not have.
    """
    names: Sequence[str] = configuration.normalization_schemes
    if len(names) != RGB_CHANNELS:
        raise SettingsError(f"the model is for images of {len(names)} channel(s); slides have red, green and blue")
    if any(configuration.use_mask_for_norm):
        raise SettingsError("the plans normalise inside a mask (use_mask_for_norm), which a slide does not have")
    return SlideNormalisation(
        tuple(_find_scheme(name)(False, intensities[str(index)]) for index, name in enumerate(names))
    )


def _find_scheme(name: str) -> Callable[..., ImageNormalization]:
    found: type[ImageNormalization] = require_class(
        _PACKAGE, name, "normalization", ImageNormalization, recursive_find_python_class
    )
    return found


def _normalised(
    channel: Tile, scheme: ImageNormalization, statistics: ChannelStatistics | None, index: int
) -> npt.NDArray[Any]:
    if isinstance(scheme, ZScoreNormalization) and statistics is not None:
        return _affine(channel, statistics.mean[index], statistics.std[index])
    if isinstance(scheme, RescaleTo01Normalization) and statistics is not None:
        return _affine(channel, statistics.low[index], statistics.high[index] - statistics.low[index])
    return scheme.run(channel)


def _affine(channel: Tile, offset: float, divisor: float) -> Tile:
    channel -= np.float32(offset)
    channel /= np.float32(max(divisor, SMALLEST_DIVISOR))
    return channel
