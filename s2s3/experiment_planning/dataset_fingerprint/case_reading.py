"""Reads one case for the fingerprint, refuses what cannot be used, and crops it to where the images are not zero."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnunetv2.preprocessing.case_checks import (
    channel_problems,
    label_channel_problems,
    nan_problems,
    raise_first,
    shape_problems,
)
from nnunetv2.preprocessing.cropping.cropping import crop_to_nonzero

if TYPE_CHECKING:
    from nnunetv2.imageio.base_reader_writer import BaseReaderWriter


@dataclass(frozen=True)
class CroppedCase:
    """One case, cropped."""

    images: np.ndarray
    """(C, x, y, z), finite."""
    segmentation: np.ndarray
    """(1, x, y, z)."""
    spacing: Any
    """Three numbers, as from the reader."""
    relative_size: np.float64
    """Fraction of the voxels that cropping leaves."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape after cropping."""
        return self.images.shape[1:]


def read_cropped(
    image_files: Sequence[str],
    segmentation_file: str,
    reader_writer_class: type["BaseReaderWriter"],
    num_channels: int | None = None,
) -> CroppedCase:
    """Read and crop one case.

    Parameters:
        num_channels: channels that dataset.json names; None to accept any number.

    Raises:
        UnfitImageError: NaN, a segmentation of another shape or with several channels, an unexpected number of image
            channels.
    """
    reader = reader_writer_class()
    images, properties = reader.read_images(list(image_files))
    segmentation, _ = reader.read_seg(segmentation_file)
    if num_channels is not None:
        raise_first(channel_problems(len(images), image_files, num_channels))
    raise_first(label_channel_problems(segmentation, segmentation_file))
    raise_first(shape_problems(segmentation, images, segmentation_file, image_files[0]))
    raise_first(nan_problems(images, image_files[0]) + nan_problems(segmentation, segmentation_file))
    voxels_before = np.prod(images.shape[1:])
    images, segmentation, _ = crop_to_nonzero(images, segmentation)
    relative_size = np.prod(images.shape[1:]) / voxels_before
    return CroppedCase(images, segmentation, properties["spacing"], relative_size)
