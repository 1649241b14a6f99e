"""Photographs: 2D grey, RGB or RGBA images, one or several files a case."""

from typing import Any, ClassVar

import numpy as np

from nnunetv2.errors import CallError
from nnunetv2.imageio.base_reader_writer import BaseReaderWriter, label_dtype, stack_channels
from nnunetv2.imageio.natural_image_files import read_label_pixels, read_pixels, write_label_pixels


class NaturalImage2DIO(BaseReaderWriter):
    """2D images without a physical size; an RGB file gives three channels, spacing is (999, 1, 1)."""

    supported_file_endings: ClassVar[list[str]] = [".png", ".bmp", ".tif"]

    def read_images(self, image_fnames: list[str] | tuple[str, ...]) -> tuple[np.ndarray, dict[str, Any]]:
        """Read the files of one case as (C, 1, H, W) float32; values are not scaled, alpha is a channel."""
        images = [_channels_first(read_pixels(name)) for name in image_fnames]
        return stack_channels(images, image_fnames), {"spacing": (999, 1, 1)}

    def read_seg(self, seg_fname: str) -> tuple[np.ndarray, dict[str, Any]]:
        """Read labels as (1, 1, H, W) float32; colour files are refused, palette files give their indices."""
        labels = read_label_pixels(seg_fname)[None, None]
        return labels.astype(np.float32), {"spacing": (999, 1, 1)}

    def write_seg(self, seg: np.ndarray, output_fname: str, properties: dict[str, Any]) -> None:
        """Write labels (1, H, W) as 8 bits, or 16 from a largest label of 255."""
        if seg.ndim != 3 or seg.shape[0] != 1:
            raise CallError(f"{output_fname}: a 2D label map has shape (1, H, W), got {seg.shape}")
        write_label_pixels(seg[0].astype(label_dtype(seg), copy=False), output_fname)


def _channels_first(pixels: np.ndarray) -> np.ndarray:
    """(H, W) or (H, W, C) -> (C, 1, H, W), a view."""
    return pixels[None, None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)[:, None]
