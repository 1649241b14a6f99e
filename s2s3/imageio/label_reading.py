"""Reads label images as whole numbers where that saves the way through float32."""

import numpy as np

from nnunetv2.foundation.replaced_parts import OriginalParts
from nnunetv2.imageio.base_reader_writer import BaseReaderWriter
from nnunetv2.imageio.natural_image_files import read_label_pixels
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO

_OF_THIS_PACKAGE = OriginalParts.of(NaturalImage2DIO, ("read_seg",))


def read_labels(reader: BaseReaderWriter, file: str) -> np.ndarray:
    """Return the label map (1, x, y, z) that `reader.read_seg` gives, in the type in which its values are stored."""
    if _OF_THIS_PACKAGE.are_in_use(reader):
        return read_label_pixels(file)[None, None]
    return reader.read_seg(file)[0]
