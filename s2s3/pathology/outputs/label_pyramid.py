"""Writes a label image of any size as an OME-TIFF with lower resolutions, part by part; see ome_pyramid."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from nnunetv2 import drift_version
from nnunetv2.errors import InvalidValueError
from nnunetv2.pathology.annotations.stitching import ReadLabels
from nnunetv2.pathology.outputs.label_reduction import halved
from nnunetv2.pathology.outputs.ome_pyramid import OmeImage, require_pixel_size, write_ome_pyramid


@dataclass(frozen=True)
class PyramidDescription:
    """What a label pyramid says about itself."""

    slide: str
    labels: Mapping[str, int]
    """Class -> value, as in dataset.json."""
    model: str
    mpp: tuple[float, float]
    """Micrometres per pixel of level 0, (x, y), above 0."""

    def __post_init__(self) -> None:
        require_pixel_size(self.mpp)


def write_label_pyramid(
    read_labels: ReadLabels,
    height: int,
    width: int,
    dtype: DTypeLike,
    description: PyramidDescription,
    target: Path,
    threads: int = 1,
    as_pages: bool = False,
) -> None:
    """Write a label image, which is read once, in parts, from left to right and top to bottom.

    Parameters:
        dtype: uint8 or uint16.
        threads: that compress tiles.
        as_pages: see `write_ome_pyramid`.

    Raises InvalidValueError for another type.
    """
    if np.dtype(dtype) not in (np.uint8, np.uint16):
        raise InvalidValueError(f"labels are {np.dtype(dtype)}, expected uint8 or uint16")
    about = {"labels": dict(description.labels), "model": description.model, "drift": drift_version.DRIFT}
    image = OmeImage(
        lambda _, *window: read_labels(*window),
        height,
        width,
        dtype,
        halved,
        description.slide,
        description.mpp,
        about,
        ("labels",),
        is_stack=False,
    )
    write_ome_pyramid(image, target, threads, as_pages)
