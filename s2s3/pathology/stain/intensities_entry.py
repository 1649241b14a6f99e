"""What the properties of a preprocessed RGB image say of its normalisation, and a sample of its colours.

It is enough to give a patch its original values back and to normalise it anew after a change. Written by preprocessing,
without torch; read by `case_intensities`.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nnunetv2.pathology.stain.extreme_colours import extreme_colours
from nnunetv2.pathology.stain.pixel_pieces import PictureRows, every_pixel, extremes, mean_and_deviation

PROPERTY = "drift_intensities"
"""The key of a case's properties, which nnU-Net ignores."""
MOST_PIXELS = 4096
_FIRST_CUT = 16 * MOST_PIXELS
_CHANNELS = 3
Z_SCORES, FIXED, IMAGE_RANGE = "ZScoreNormalization", "RGBTo01Normalization", "RescaleTo01Normalization"
_SMALLEST_SCALE = 1e-8

_REQUIRED, _COLOURS = {"offset", "scale"}, {"sample", "extremes"}

Image = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float64]


def describe_intensities(image: Image | PictureRows, schemes: Sequence[str], uses_mask: bool) -> dict[str, Any]:
    """Return {PROPERTY: entry} for an image that is about to be normalised; empty if it is not an RGB picture.

    Parameters:
        image: (C, x, y, z) of any type; a picture has three channels, one slice and values from 0 to 255. It may be
            read row by row.
        schemes: names of the normalisation of each channel; others than z-scores, division by 255 and the range of
            each image are left out.
        uses_mask: whether normalisation leaves out a part of the image.
    """
    known = set(schemes) in ({Z_SCORES}, {FIXED}, {IMAGE_RANGE}) and not uses_mask
    if not known or tuple(image.shape[:2]) != (_CHANNELS, 1) or not _are_bytes(image):
        return {}
    return {PROPERTY: intensities_entry(image, schemes[0])}


def _are_bytes(image: Image | PictureRows) -> bool:
    if image.dtype == np.uint8:
        return True
    lowest, highest = extremes(image)
    return not (lowest.min() < 0 or highest.max() > 255)


def intensities_entry(image: Image | PictureRows, scheme: str) -> dict[str, Any]:
    """Return the entry for the properties of a case, plain values and small arrays.

    Parameters:
        image: (3, x, y, z), values 0 to 255, before it is normalised.
        scheme: Z_SCORES, FIXED or IMAGE_RANGE.
    """
    if scheme == FIXED:
        return {"offset": [0.0] * 3, "scale": [255.0] * 3}
    if scheme == IMAGE_RANGE:
        lowest, highest = (edge.astype(np.float64) for edge in extremes(image))
        return _entry(image, lowest, highest - lowest) | {"extremes": extreme_colours(image)}
    return _entry(image, *mean_and_deviation(image))


def _entry(image: Image | PictureRows, offset: FloatArray, scale: FloatArray) -> dict[str, Any]:
    scale = np.maximum(scale, _SMALLEST_SCALE)
    return {"offset": offset.tolist(), "scale": scale.tolist(), "sample": _sample(image)}


def is_intensities_entry(content: Any) -> bool:
    """Tell whether a value from a file is an entry as `intensities_entry` makes it."""
    if not isinstance(content, dict) or not _REQUIRED <= content.keys() <= _REQUIRED | _COLOURS:
        return False
    offset, scale = content["offset"], content["scale"]
    return (
        all(
            isinstance(part, list) and len(part) == _CHANNELS and all(map(_is_number, part)) for part in (offset, scale)
        )
        and min(scale) > 0
        and all(content.get(name) is None or _is_sample(content[name]) for name in _COLOURS)
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _is_sample(value: Any) -> bool:
    return (
        isinstance(value, np.ndarray)
        and value.dtype == np.float32
        and value.ndim == 2
        and len(value) == _CHANNELS
        and 0 < value.shape[1] <= MOST_PIXELS
        and bool(np.isfinite(value).all())
    )


def _sample(image: Image | PictureRows) -> Image:
    """Return up to MOST_PIXELS pixels (3, n), evenly spaced in the order of brightness of many more.

    So their statistics are far closer to those of the image than those of as many random pixels.
    """
    pixels = every_pixel(image, max(1, math.prod(image.shape[1:]) // _FIRST_CUT))
    order = np.argsort(pixels.sum(axis=0), kind="stable")
    count = min(MOST_PIXELS, len(order))
    chosen = order[((np.arange(count) + 0.5) * len(order) / count).astype(np.intp)]
    return np.ascontiguousarray(pixels[:, chosen], dtype=np.float32)
