"""2D grey, RGB or RGBA images, one or several files per case."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from nnunetv2.errors import CallError
from nnunetv2.foundation.replaced_parts import OriginalParts
from nnunetv2.imageio.base_reader_writer import BaseReaderWriter, require_same, stack_channels, stored_dtype
from nnunetv2.imageio.natural_image_files import read_label_picture, read_picture, write_label_pixels
from nnunetv2.imageio.row_images import RowImage, row_image
from s1.orientation import UPRIGHT


class NaturalImage2DIO(BaseReaderWriter):
    """2D images without a physical size: the spacing is (999, 1, 1). An RGB file gives three channels.

    Files are read as viewers show them. Properties have the key `orientation` if a tag says how the pixels are turned.
    """

    supported_file_endings: ClassVar[list[str]] = [".png", ".bmp", ".tif"]

    def read_images(self, image_fnames: list[str] | tuple[str, ...]) -> tuple[np.ndarray, dict[str, Any]]:
        """Read the files of one case as (C, 1, H, W) float32, unscaled; alpha is a channel."""
        images, properties = _read_files(image_fnames)
        return stack_channels(images, image_fnames), properties

    def read_stored(self, image_fnames: list[str] | tuple[str, ...]) -> tuple[list[np.ndarray], dict[str, Any]]:
        """Read each file as (c, 1, H, W), a view of pixels as stored; a subclass with its own read_images is asked."""
        if type(self).read_images is not _read_images_of_this_package:
            return super().read_stored(image_fnames)
        return _read_files(image_fnames)

    def read_in_rows(
        self, image_fnames: list[str] | tuple[str, ...]
    ) -> tuple[Sequence[np.ndarray | RowImage], dict[str, Any]]:
        """Read as read_stored does; large TIFF files that are stored in strips or tiles become a RowImage."""
        if not _OF_THIS_PACKAGE.are_in_use(self):
            return self.read_stored(image_fnames)
        images = [row_image(name) for name in image_fnames]
        if not all(images):  # the others may be turned
            return self.read_stored(image_fnames)
        return [image for image in images if image is not None], _properties(UPRIGHT)

    def read_seg(self, seg_fname: str) -> tuple[np.ndarray, dict[str, Any]]:
        """Read labels as (1, 1, H, W) float32; colour files are refused, the labels of a palette are its indices."""
        labels, orientation = read_label_picture(seg_fname)
        return labels[None, None].astype(np.float32), _properties(orientation)

    def read_stored_seg(self, seg_fname: str) -> tuple[np.ndarray, dict[str, Any]]:
        """Read labels as read_seg does, in the type in which they are stored; a read_seg of others is asked."""
        if not LABELS_OF_THIS_PACKAGE.are_in_use(self):
            return self.read_seg(seg_fname)
        labels, orientation = read_label_picture(seg_fname)
        return labels[None, None], _properties(orientation)

    def write_seg(self, seg: np.ndarray, output_fname: str, properties: dict[str, Any]) -> None:
        """Write labels (1, H, W) with 8 bits, or with 16 if the largest is 255 or more."""
        if seg.ndim != 3 or seg.shape[0] != 1:
            raise CallError(f"{output_fname}: expected a 2D label map of shape (1, H, W), got {seg.shape}")
        write_label_pixels(seg[0].astype(stored_dtype(seg), copy=False), output_fname)


_read_images_of_this_package = NaturalImage2DIO.read_images
_OF_THIS_PACKAGE = OriginalParts.of(NaturalImage2DIO, ("read_images", "read_stored"))
LABELS_OF_THIS_PACKAGE = OriginalParts.of(NaturalImage2DIO, ("read_seg",))
"""Nobody replaced the way in which label images are read."""


def _read_files(image_fnames: Sequence[str]) -> tuple[list[np.ndarray], dict[str, Any]]:
    pictures = [read_picture(name) for name in image_fnames]
    require_same("orientation tag", [[picture.orientation] for picture in pictures], image_fnames)
    return [_channels_first(picture.pixels) for picture in pictures], _properties(pictures[0].orientation)


def _properties(orientation: int) -> dict[str, Any]:
    properties: dict[str, Any] = {"spacing": (999, 1, 1)}
    return properties if orientation == UPRIGHT else {**properties, "orientation": orientation}


def _channels_first(pixels: np.ndarray) -> np.ndarray:
    """Return (H, W) or (H, W, C) as (C, 1, H, W), a view."""
    return pixels[None, None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)[:, None]
