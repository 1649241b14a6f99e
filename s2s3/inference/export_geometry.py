"""Checks the properties of a case, which come from a file, before arrays of the sizes in them are made."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from nnunetv2.errors import InvalidValueError
from nnunetv2.foundation.content_descriptions import describe_content
from s1.free_memory import available_bytes

_NEEDED = ("spacing", "shape_before_cropping", "bbox_used_for_cropping", "shape_after_cropping_and_before_resampling")


def require_export_geometry(properties: Any, bytes_per_voxel: int) -> None:
    """Raise InvalidValueError, one line, unless spacing, shapes and box of cropping fit together and into the memory.

    Parameters:
        bytes_per_voxel: of the whole image, of all arrays that will be made.
    """
    if not isinstance(properties, Mapping) or any(key not in properties for key in _NEEDED):
        raise InvalidValueError(
            f"the properties of the case are {describe_content(properties)}; expected {', '.join(_NEEDED)}, as "
            "preprocessing returns and stores them"
        )
    whole, box, crop = (properties[key] for key in _NEEDED[1:])
    extents = _extents(whole, box)
    if extents is None or not _are_lengths(crop) or [int(length) for length in crop] != extents:
        raise InvalidValueError(
            f"the properties of the case contradict each other: {_NEEDED[1]} {whole!r:.60}, {_NEEDED[2]} {box!r:.90}, "
            f"{_NEEDED[3]} {crop!r:.60}; preprocess the case again"
        )
    wanted, memory = prod(map(int, whole)) * bytes_per_voxel, available_bytes()
    if memory is not None and wanted > memory:
        raise InvalidValueError(
            f"the properties of the case say that its image has the shape {tuple(whole)}; exporting it takes "
            f"{wanted / 1e9:.1f} GB, {memory / 1e9:.1f} GB are free"
        )


def _extents(whole: Any, box: Any) -> list[int] | None:
    """Return the lengths of a box that lies in the whole image, None if there is no such box."""
    if not (_are_lengths(whole) and _is_list(box) and len(box) == len(whole) and all(map(_is_pair, box))):
        return None
    inside = all(0 <= first < end <= length for (first, end), length in zip(box, whole, strict=True))
    return [int(end) - int(first) for first, end in box] if inside else None


def _are_lengths(shape: Any) -> bool:
    return _is_list(shape) and all(_is_whole(length) and length > 0 for length in shape)


def _is_pair(limits: Any) -> bool:
    return _is_list(limits) and len(limits) == 2 and all(map(_is_whole, limits))


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence | np.ndarray) and not isinstance(value, str | bytes)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer)
