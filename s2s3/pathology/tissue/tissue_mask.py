"""Tissue on a slide, by the colour of its stains against the white of this slide's glass.

At 8 micrometres per pixel, optical densities D of red, green and blue against the glass; tissue is coloured (its
chroma, the difference of the largest and the smallest D, is above a threshold from the glass itself) and, for H&E,
absorbs green most. Grey and black (edges of the cover slip, dust, fill) and blue and green pen are no tissue.
"""

from collections.abc import Iterable
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
_STRIP_PX = 512
"""Rows that are worked on at once."""
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
    """Return the stained pixels of an image (h, w, 3); none without valid pixels.

    Works in strips, as densities of a whole slide would take a gigabyte.
    """
    if not valid.any():
        return ColouredPixels(np.zeros(valid.shape, bool), _WITHOUT_GLASS)
    strips = [slice(top, top + _STRIP_PX) for top in range(0, len(pixels), _STRIP_PX)]
    white = _white(_bright_levels(pixels[rows][valid[rows]]) for rows in strips)
    table = _density_table(white)
    darkest = _GLASS_BRIGHTNESS * white.min()
    glass = [_chroma(pixels[rows][valid[rows] & (pixels[rows] >= darkest).all(axis=2)], table) for rows in strips]
    threshold = _threshold(np.concatenate(glass), int(np.count_nonzero(valid)))
    del glass
    mask = np.concatenate([valid[rows] & _is_stained(pixels[rows], table, threshold, stain) for rows in strips])
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


def _bright_levels(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return how often each value occurs in each channel of the bright ones among pixels (n, 3), (3, 256)."""
    bright = pixels[pixels.sum(axis=1, dtype=np.uint16) >= 3 * _BRIGHT]
    return np.stack([np.bincount(bright[:, channel], minlength=256) for channel in range(3)])


def _white(levels: Iterable[NDArray[np.int64]]) -> NDArray[np.float32]:
    """Return the colour (3,) of the glass by counts of the values of bright pixels."""
    counts = np.sum(list(levels), axis=0).cumsum(axis=1)
    if not counts[0, -1]:
        return np.full(3, _NO_WHITE, np.float32)
    place = _WHITE_PERCENTILE / 100 * (counts[0, -1] - 1)
    below, above = (np.array([np.searchsorted(row, index, "right") for row in counts]) for index in _around(place))
    return np.asarray(below + (above - below) * (place % 1), np.float32)


def _around(place: float) -> tuple[int, int]:
    return int(np.floor(place)), int(np.ceil(place))


def _density_table(white: NDArray[np.float32]) -> Densities:
    """Return the optical density, 0 to 2, of each value of each channel, (256, 3)."""
    levels = np.arange(256, dtype=np.float32)[:, None]
    return np.clip(-np.log10((levels + 1) / (white + 1)), 0, _LARGEST_DENSITY).astype(np.float32)


def _densities(pixels: NDArray[np.uint8], table: Densities) -> Densities:
    """Return the optical densities of pixels (..., 3)."""
    return np.stack([table[pixels[..., channel], channel] for channel in range(3)], axis=-1)


def _chroma(pixels: NDArray[np.uint8], table: Densities) -> Densities:
    densities = _densities(pixels, table)
    chroma: Densities = densities.max(axis=-1) - densities.min(axis=-1)
    return chroma


def _is_stained(pixels: Pixels, table: Densities, threshold: float, stain: str) -> Mask:
    densities = _densities(pixels, table)
    highest = densities.max(axis=-1)
    chroma = highest - densities.min(axis=-1)
    mask: Mask = (chroma > threshold) & (chroma >= _LEAST_COLOUR * highest)
    if stain == "he":
        mask &= densities[..., 1] >= _GREEN_SHARE * np.maximum(densities[..., 0], densities[..., 2])
    return mask


def _threshold(glass_chroma: Densities, valid: int) -> float:
    """Return the chroma that the glass of this slide does not reach; changes the array."""
    if len(glass_chroma) < _LEAST_GLASS * valid:
        return _WITHOUT_GLASS
    middle = float(np.median(glass_chroma, overwrite_input=True))
    glass_chroma -= middle
    spread = float(np.median(np.abs(glass_chroma, out=glass_chroma), overwrite_input=True))
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
    areas = np.zeros(count + 1, np.int64)
    for top in range(0, len(pieces), _STRIP_PX):
        areas += np.bincount(pieces[top : top + _STRIP_PX].ravel(), minlength=count + 1)
    kept = areas >= least_px
    kept[0] = False
    return kept[pieces]
