"""What the array of an image has to look like."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnunetv2.errors import InvalidValueError, WrongShapeError

_FORM = "expected an array (channels, x, y, z), for a 2D image (channels, 1, height, width)"


def check_array(image: Any, properties: Any, name: str = "the image") -> None:
    """Check the form of an image, called `name` in messages, and of its properties, which have at least `spacing`.

    Raises WrongShapeError for anything but a NumPy array of numbers with four axes and at least one voxel, and
    InvalidValueError unless the spacing is three positive numbers.
    """
    if not isinstance(image, np.ndarray):
        raise WrongShapeError(f"{name} is of type {type(image).__name__}, {_FORM}")
    if image.ndim != 4 or not image.size:
        raise WrongShapeError(f"{name} has shape {image.shape}, {_FORM}")
    if image.dtype.kind not in "biuf":
        raise WrongShapeError(f"{name} has the type {image.dtype}, expected numbers")
    _check_spacing(properties, name)


def _check_spacing(properties: Any, name: str) -> None:
    if not isinstance(properties, Mapping) or "spacing" not in properties:
        raise InvalidValueError(
            f"{name} has no spacing: its properties are {properties!r}, expected a dict {{'spacing': [3, 1, 1]}}, "
            "one number per axis, for a 2D image {'spacing': [999, 1, 1]}"
        )
    try:
        spacing = np.asarray(properties["spacing"])
    except ValueError:  # lists of different lengths
        spacing = np.array(None)
    is_numbers = spacing.dtype.kind in "iuf" and spacing.shape == (3,)
    if not is_numbers or not np.isfinite(spacing).all() or spacing.min() <= 0:
        raise InvalidValueError(
            f"{name} has the spacing {properties['spacing']!r}, expected three positive numbers, one per axis; for a "
            "2D image the first one is 999"
        )
