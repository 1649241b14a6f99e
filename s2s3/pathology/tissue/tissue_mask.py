"""Tissue on a slide, by the colour of its stains against the white of this slide's glass.

At 8 micrometres per pixel, optical densities D of red, green and blue against the glass; tissue is coloured (its
chroma, the difference of the largest and the smallest D, is above a threshold from the glass itself) and, for H&E,
absorbs green most. Grey and black (edges of the cover slip, dust, fill) and blue and green pen are no tissue.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnunetv2.errors import SettingsError
from nnunetv2.pathology.settings_dicts import settings_from_dict, settings_to_dict
from nnunetv2.pathology.slides.slide_reader import Pixels, Valid

Mask = NDArray[np.bool_]
Densities = NDArray[np.float32]

WORKING_UM = 8.0
"""Micrometres per pixel at which tissue is looked for."""
STAINS = ("he", "any")
_BRIGHT = 180
_WHITE_PERCENTILE, _NO_WHITE = 90, 245
_GLASS_BRIGHTNESS, _LEAST_GLASS = 0.93, 0.005
_LARGEST_DENSITY = 2.0
_SPREADS, _MAD_TO_STD = 5, 1.4826
_LOWEST, _HIGHEST, _WITHOUT_GLASS = 0.02, 0.06, 0.03
_LEAST_COLOUR = 0.2
_GREEN_SHARE = 0.85
_LARGEST_DISC = 8
"""Radius in pixels up to which trying all neighbours is faster than distances: ten times at 2."""


@dataclass(frozen=True)
class TissueSettings:
    """How tissue is found."""

    stain: str = "he"
    """`he`, or `any` for other stains: then blue and green count, and so does pen of these colours."""
    closing_um: float = 16.0
    """Radius of the disc that closes gaps."""
    smallest_piece_mm2: float = 0.02
    smallest_hole_mm2: float = 0.05

    def __post_init__(self) -> None:
        if self.stain not in STAINS:
            raise SettingsError(f"stain {self.stain!r}, expected one of {', '.join(STAINS)}")
        for name in ("closing_um", "smallest_piece_mm2", "smallest_hole_mm2"):
            if not 0 <= getattr(self, name) < 1e6:
                raise SettingsError(f"{name} is {getattr(self, name)}, expected 0 or more")

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "TissueSettings":
        """Build from the output of `to_dict`. Raises ArgumentError for unknown keys and wrong types."""
        return settings_from_dict(cls, content, "the search for tissue")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return settings_to_dict(self)


@dataclass(frozen=True)
class ColouredPixels:
    """Where an image is stained, before gaps are closed, and the chroma above which it counts."""

    mask: Mask
    threshold: float


def coloured_pixels(pixels: Pixels, valid: Valid, stain: str = "he") -> ColouredPixels:
    """Return the stained pixels of an image (h, w, 3); none without valid pixels."""
    if not valid.any():
        return ColouredPixels(np.zeros(valid.shape, bool), _WITHOUT_GLASS)
    white = _white(pixels[valid])
    densities = _densities(pixels, white)
    highest = densities.max(axis=2)
    chroma = highest - densities.min(axis=2)
    glass = valid & (pixels >= _GLASS_BRIGHTNESS * white.min()).all(axis=2)
    threshold = _threshold(chroma[glass], int(valid.sum()))
    mask = valid & (chroma > threshold) & (chroma >= _LEAST_COLOUR * highest)
    if stain == "he":
        mask &= densities[..., 1] >= _GREEN_SHARE * np.maximum(densities[..., 0], densities[..., 2])
    return ColouredPixels(mask, threshold)


def cleaned_mask(mask: Mask, mpp: tuple[float, float], settings: TissueSettings) -> Mask:
    """Return a mask with gaps closed, without small pieces, and with small holes filled.

    Parameters:
        mpp: micrometres per pixel of the mask, (x, y).
    """
    mm2 = mpp[0] * mpp[1] / 1e6
    closed = _moved(_moved(mask, settings.closing_um, mpp, grow=True), settings.closing_um, mpp, grow=False)
    kept = _without_small(closed, settings.smallest_piece_mm2 / mm2)
    return ~_without_small(~kept, settings.smallest_hole_mm2 / mm2)


def grown(mask: Mask, margin_um: float, mpp: tuple[float, float]) -> Mask:
    """Return a mask with everything within a distance of it."""
    return _moved(mask, margin_um, mpp, grow=True)


def _white(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the colour (3,) of the glass among pixels (n, 3)."""
    bright = pixels[pixels.mean(axis=1) >= _BRIGHT]
    if not len(bright):
        return np.full(3, _NO_WHITE, np.float32)
    return np.percentile(bright, _WHITE_PERCENTILE, axis=0).astype(np.float32)


def _densities(pixels: Pixels, white: NDArray[np.float32]) -> Densities:
    """Return optical densities (h, w, 3), 0 to 2: a table of 256 values a channel."""
    levels = np.arange(256, dtype=np.float32)[:, None]
    table = np.clip(-np.log10((levels + 1) / (white + 1)), 0, _LARGEST_DENSITY).astype(np.float32)
    return np.stack([table[pixels[..., channel], channel] for channel in range(3)], axis=2)


def _threshold(glass_chroma: NDArray[np.float32], valid: int) -> float:
    """Return the chroma that the glass of this slide does not reach."""
    if len(glass_chroma) < _LEAST_GLASS * valid:
        return _WITHOUT_GLASS
    middle = float(np.median(glass_chroma))
    spread = float(np.median(np.abs(glass_chroma - middle)))
    return float(np.clip(middle + _SPREADS * _MAD_TO_STD * spread, _LOWEST, _HIGHEST))


def _moved(mask: Mask, distance_um: float, mpp: tuple[float, float], grow: bool) -> Mask:
    """Return a mask whose border is moved outwards or inwards; the border of the image moves nothing."""
    from scipy import ndimage

    if not mask.any() or mask.all() or distance_um == 0:
        return mask
    moving = mask if grow else ~mask
    rows, columns = int(distance_um / mpp[1]), int(distance_um / mpp[0])
    if max(rows, columns) <= _LARGEST_DISC:
        y, x = np.mgrid[-rows : rows + 1, -columns : columns + 1]
        near = ndimage.binary_dilation(moving, (y * mpp[1]) ** 2 + (x * mpp[0]) ** 2 <= distance_um**2)
    else:
        near = ndimage.distance_transform_edt(~moving, sampling=(mpp[1], mpp[0])) <= distance_um
    return near if grow else ~near


def _without_small(mask: Mask, least_px: float) -> Mask:
    from scipy import ndimage

    pieces, count = ndimage.label(mask)
    areas = np.bincount(pieces.ravel(), minlength=count + 1)
    kept = areas >= least_px
    kept[0] = False
    return kept[pieces]
