"""JPEG images, whose labels and predictions are PNG files."""

from typing import Any, ClassVar

import numpy as np

from nnunetv2.errors import InvalidOutputError
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO


class JpegImage2DIO(NaturalImage2DIO):
    """2D images in JPEG files, read as NaturalImage2DIO does. JPEG changes values, so labels are in lossless files."""

    supported_file_endings: ClassVar[list[str]] = [".jpg", ".jpeg"]

    def write_seg(self, seg: np.ndarray, output_fname: str, properties: dict[str, Any]) -> None:
        """Write labels (1, H, W) to a PNG, TIFF or BMP file; InvalidOutputError for a JPEG file."""
        if str(output_fname).lower().endswith(tuple(self.supported_file_endings)):
            raise InvalidOutputError(f"{output_fname}: JPEG changes the values of labels; write them to a PNG file")
        super().write_seg(seg, output_fname, properties)
