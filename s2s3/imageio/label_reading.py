"""Reads label images as whole numbers where that saves the way through float32, and large TIFF files by rows."""

from collections.abc import Iterator

import numpy as np

from nnunetv2.imageio.base_reader_writer import BaseReaderWriter
from nnunetv2.imageio.natural_image_reader_writer import LABELS_OF_THIS_PACKAGE, NaturalImage2DIO
from nnunetv2.imageio.row_images import RowImage, label_row_image

_PIXELS_AT_ONCE = 2**20


def read_labels(reader: BaseReaderWriter, file: str) -> np.ndarray:
    """Return the label map (1, x, y, z) that `reader.read_seg` gives, in the type in which its values are stored."""
    if isinstance(reader, NaturalImage2DIO):
        return reader.read_stored_seg(file)[0]
    return reader.read_seg(file)[0]


def open_labels(reader: BaseReaderWriter, file: str) -> np.ndarray | RowImage:
    """Return what read_labels does, or for a large TIFF file that can be read by rows, a RowImage of these values."""
    if LABELS_OF_THIS_PACKAGE.are_in_use(reader):
        rows = label_row_image(file)
        if rows is not None:
            return rows
    return read_labels(reader, file)


def parts_of(labels: np.ndarray | RowImage) -> Iterator[np.ndarray]:
    """Yield a label map (1, x, y, z) in parts along y, which depend on its shape only; of other axes as a whole."""
    if len(labels.shape) != 4 or labels.shape[1] != 1:
        yield np.asarray(labels)
        return
    _, _, height, width = labels.shape
    rows = max(1, _PIXELS_AT_ONCE // max(1, width))
    for top in range(0, height, rows):
        part = slice(top, min(top + rows, height))
        yield labels.part(part, slice(0, width)) if isinstance(labels, RowImage) else labels[:, 0, part]
