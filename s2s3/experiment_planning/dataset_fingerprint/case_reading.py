"""Reads one case for the fingerprint, refuses what cannot be used, and crops it to where the images are not zero."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnunetv2.errors import UnfitImageError
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
    """Three numbers as the reader gives them."""
    relative_size: np.float64
    """Voxels left by cropping, as a fraction of all."""

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
        UnfitImageError: NaN, a segmentation of another shape or with several channels, another number of channels.
    """
    reader = reader_writer_class()
    images, properties = reader.read_images(list(image_files))
    segmentation, _ = reader.read_seg(segmentation_file)
    _check(images, segmentation, segmentation_file, num_channels)
    voxels_before = np.prod(images.shape[1:])
    images, segmentation, _ = crop_to_nonzero(images, segmentation)
    relative_size = np.prod(images.shape[1:]) / voxels_before
    return CroppedCase(images, segmentation, properties["spacing"], relative_size)


def _check(images: np.ndarray, segmentation: np.ndarray, segmentation_file: str, num_channels: int | None) -> None:
    if num_channels is not None and len(images) != num_channels:
        raise UnfitImageError(wrong_channel_count(len(images), num_channels))
    if segmentation.shape != (1, *images.shape[1:]):
        raise UnfitImageError(
            f"{segmentation_file}: shape {segmentation.shape}, expected {(1, *images.shape[1:])}, "
            "one channel in the size of the image"
        )
    check_no_nan(images, segmentation)


def wrong_channel_count(found: int, expected: int) -> str:
    """Return the message for a case whose files hold another number of channels than dataset.json names."""
    return f"the image files give {found} channels, channel_names of dataset.json lists {expected}"


def check_no_nan(images: np.ndarray, segmentation: np.ndarray) -> None:
    """Raise UnfitImageError where images or segmentation contain NaN."""
    for what, array in (("the images", images), ("the segmentation", segmentation)):
        if array.size and np.isnan(array.min()):
            raise UnfitImageError(f"NaN in {what}; replace it by a number")
