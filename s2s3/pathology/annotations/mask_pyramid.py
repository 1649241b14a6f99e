"""Annotations drawn as an image: the values of a mask are labels, at the resolution of the slide or a coarser one."""

from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import DTypeLike

from nnunetv2.errors import AnnotationError
from nnunetv2.pathology.annotations.annotation_set import Array
from nnunetv2.pathology.annotations.label_tiff import LabelPyramid
from nnunetv2.pathology.annotations.rasterise import Scale

_UNEQUAL = 0.005


class MaskPyramid:
    """The mask of a slide; a context manager.

    Parameters:
        slide_size: (width, height) of the slide at full resolution, in pixels.

    Raises MissingFileError; AnnotationError for a damaged file, or a mask of other proportions than the slide.
    """

    def __init__(self, path: Path, slide_size: tuple[int, int]):
        self._labels = LabelPyramid(path)
        height, width = self._labels.sizes[0]
        self._factor = (slide_size[0] / width, slide_size[1] / height)
        """Pixels of the slide per pixel of the mask, (x, y)."""
        if abs(self._factor[0] / self._factor[1] - 1) > _UNEQUAL:
            self.close()
            sizes = f"the mask has {width} x {height} pixels, the slide {slide_size[0]} x {slide_size[1]}"
            raise AnnotationError(f"{path}: {sizes}; expected the same proportions")

    def draw(
        self, top: int, left: int, height: int, width: int, scale: Scale = (1.0, 1.0), dtype: DTypeLike = np.uint8
    ) -> Array:
        """Return a window of labels, (height, width): for each pixel the value of the mask at its centre, 0 outside.

        Parameters:
            top, left: of the window, in pixels of the drawn image.
            scale: pixels of the slide per pixel of the drawn image, (x, y).
        """
        rows = np.floor((top + np.arange(height) + 0.5) * scale[1] / self._factor[1]).astype(np.int64)
        columns = np.floor((left + np.arange(width) + 0.5) * scale[0] / self._factor[0]).astype(np.int64)
        inside_rows, inside_columns = (
            _inside(rows, self._labels.sizes[0][0]),
            _inside(columns, self._labels.sizes[0][1]),
        )
        window = np.zeros((height, width), dtype)
        if inside_rows.any() and inside_columns.any():
            picked = self._values(rows[inside_rows], columns[inside_columns])
            window[np.ix_(inside_rows, inside_columns)] = picked
        return window

    def close(self) -> None:
        """Close the file."""
        self._labels.close()

    def __enter__(self) -> "MaskPyramid":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def _values(self, rows: Array, columns: Array) -> Array:
        """Return the values at ascending rows and columns of the mask."""
        top, left = int(rows[0]), int(columns[0])
        part = self._labels.read(top, left, int(rows[-1]) - top + 1, int(columns[-1]) - left + 1)
        values: Array = part[np.ix_(rows - top, columns - left)]
        return values


def _inside(numbers: Array, length: int) -> Array:
    inside: Array = (numbers >= 0) & (numbers < length)
    return inside
