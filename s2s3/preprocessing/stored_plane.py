"""A 2D image that is kept in the type of its files and normalised part by part, whenever a part is needed.

So an RGB image takes 3 bytes a pixel instead of 12, and next to nothing if its rows can be read one by one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnunetv2.imageio.row_images import RowImage, part_of, pixels_of
from nnunetv2.preprocessing.normalization.plane_scaling import PlaneRows, Scale

_ROWS_AT_ONCE = 256

Box = Sequence[Sequence[int]]
"""[first, end) of each spatial axis: slice, rows, columns."""


@dataclass(frozen=True)
class StoredPlane:
    """The preprocessed image of a case: (C, 1, height, width), cropped to its box.

    Parameters:
        images: of each file, in channel order, (c, 1, H, W): arrays of any type, or a RowImage.
        box: of the part that is left after cropping.
        scales: normalisation of each channel.
    """

    images: tuple[Any, ...]
    box: Box
    scales: tuple[Scale, ...]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the whole preprocessed image."""
        (_, _), (top, bottom), (left, right) = self.box
        return len(self.scales), 1, bottom - top, right - left

    def __len__(self) -> int:
        return len(self.scales)

    def part(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a normalised part, (C, rows, columns) float32; the slices have a start and an end inside the image."""
        (_, _), (top, _), (left, _) = self.box
        place = slice(rows.start + top, rows.stop + top), slice(columns.start + left, columns.stop + left)
        result = np.empty((len(self), rows.stop - rows.start, columns.stop - columns.start), dtype=np.float32)
        channels = (channel for image in self.images for channel in part_of(image, *place))
        for target, channel, scale in zip(result, channels, self.scales, strict=True):
            target[...] = channel
            target[...] = scale(target)
        return result

    def some_pixels(self, step: int) -> np.ndarray:
        """Return the normalised pixels with the numbers 0, step, 2 step ..., counted row by row, (C, n) float32."""
        (_, _), (top, _), (left, _) = self.box
        rows, columns = np.divmod(np.arange(0, self.shape[2] * self.shape[3], step), self.shape[3])
        channels = (channel for image in self.images for channel in pixels_of(image, rows + top, columns + left))
        return np.stack(
            [scale(channel.astype(np.float32)) for channel, scale in zip(channels, self.scales, strict=True)]
        )

    def with_images(self, change: Callable[[Any], Any]) -> "StoredPlane":
        """Return the same plane with changed arrays, such as files in their place; a RowImage stays."""
        images = (image if isinstance(image, RowImage) else change(image) for image in self.images)
        return replace(self, images=tuple(images))


@dataclass(frozen=True)
class StoredRows:
    """The values of the images of a case inside a box, in the type of the files.

    Parameters:
        images: as those of a StoredPlane.
    """

    images: tuple[Any, ...]
    box: Box

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, 1, height, width)."""
        return sum(map(len, self.images)), *(end - first for first, end in self.box)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return np.result_type(*(image.dtype for image in self.images))

    def rows(self, first: int, end: int) -> np.ndarray:
        """Return rows (C, end - first, width) of the box."""
        _, (top, _), (left, right) = self.box
        parts = [part_of(image, slice(top + first, top + end), slice(left, right)) for image in self.images]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def rows_of(image: np.ndarray | RowImage, box: Box) -> PlaneRows:
    """Return the rows of the part of an image (c, 1, H, W) that lies in the box."""
    _, (top, bottom), (left, right) = box

    def rows(first: int, end: int) -> np.ndarray:
        return part_of(image, slice(top + first, top + end), slice(left, right)).astype(np.float32, order="C")

    return PlaneRows(rows, bottom - top, right - left, has_gaps=right - left < image.shape[3])


def nonzero_box(images: Sequence[np.ndarray | RowImage]) -> list[list[int]]:
    """Return the box around all pixels that are not zero in some channel, as cropping does; all if there are none.

    Reads a RowImage to its end, so that damage is found here.
    """
    _, _, height, width = images[0].shape
    arrays = [image for image in images if not isinstance(image, RowImage)]
    sides = [_sides(channel[0]) for image in arrays for channel in image]
    if len(arrays) == len(images) and all(any(bool(side.any()) for side in same) for same in zip(*sides, strict=True)):
        return [[0, 1], [0, height], [0, width]]
    in_rows, in_columns = np.zeros(height, dtype=bool), np.zeros(width, dtype=bool)
    for top in range(0, height, _ROWS_AT_ONCE):
        part = slice(top, min(top + _ROWS_AT_ONCE, height))
        channels = (channel for image in images for channel in part_of(image, part, slice(0, width)))
        mask = np.logical_or.reduce([channel != 0 for channel in channels])
        in_rows[part] = mask.any(axis=1)
        in_columns |= mask.any(axis=0)
    return [[0, 1], _extent(in_rows), _extent(in_columns)]


def _sides(channel: np.ndarray) -> tuple[np.ndarray, ...]:
    return channel[0], channel[-1], channel[:, 0], channel[:, -1]


def _extent(inside: np.ndarray) -> list[int]:
    found = np.flatnonzero(inside)
    return [int(found[0]), int(found[-1]) + 1] if len(found) else [0, len(inside)]
