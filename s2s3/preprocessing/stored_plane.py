"""A 2D image that is kept in the type of its files and normalised part by part, whenever a part is needed.

So an RGB image takes 3 bytes a pixel instead of 12.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnunetv2.preprocessing.normalization.plane_scaling import PlaneRows, Scale

_ROWS_AT_ONCE = 256

Box = Sequence[Sequence[int]]
"""[first, end) of each spatial axis: slice, rows, columns."""


@dataclass(frozen=True)
class StoredPlane:
    """The preprocessed image of a case: (C, 1, height, width), cropped to its box.

    Parameters:
        images: of each file, in channel order, (c, 1, H, W) in any type.
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
        for target, channel, scale in zip(result, channels_of(self.images), self.scales, strict=True):
            target[...] = channel[place]
            target[...] = scale(target)
        return result

    def some_pixels(self, step: int) -> np.ndarray:
        """Return the normalised pixels with the numbers 0, step, 2 step ..., counted row by row, (C, n) float32."""
        (_, _), (top, _), (left, _) = self.box
        rows, columns = np.divmod(np.arange(0, self.shape[2] * self.shape[3], step), self.shape[3])
        channels = zip(channels_of(self.images), self.scales, strict=True)
        return np.stack([scale(channel[rows + top, columns + left].astype(np.float32)) for channel, scale in channels])

    def with_images(self, change: Callable[[Any], Any]) -> "StoredPlane":
        """Return the same plane with changed images, such as files in their place."""
        return replace(self, images=tuple(map(change, self.images)))


def channels_of(images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return each channel as a view, (H, W)."""
    return [channel[0] for image in images for channel in image]


def rows_of(channel: np.ndarray, box: Box) -> PlaneRows:
    """Return the rows of the part of a channel (H, W) that lies in the box."""
    _, (top, bottom), (left, right) = box

    def rows(first: int, end: int) -> np.ndarray:
        return channel[top + first : top + end, left:right].astype(np.float32)

    return PlaneRows(rows, bottom - top, right - left, has_gaps=right - left < channel.shape[1])


def nonzero_box(images: Sequence[np.ndarray]) -> list[list[int]]:
    """Return the box around all pixels that are not zero in some channel, as cropping does; all if there are none."""
    channels = channels_of(images)
    height, width = channels[0].shape
    if all(any(bool(side.any()) for side in sides) for sides in zip(*map(_sides, channels), strict=True)):
        return [[0, 1], [0, height], [0, width]]
    in_rows, in_columns = np.zeros(height, dtype=bool), np.zeros(width, dtype=bool)
    for top in range(0, height, _ROWS_AT_ONCE):
        part = slice(top, top + _ROWS_AT_ONCE)
        mask = np.logical_or.reduce([channel[part] != 0 for channel in channels])
        in_rows[part] = mask.any(axis=1)
        in_columns |= mask.any(axis=0)
    return [[0, 1], _extent(in_rows), _extent(in_columns)]


def _sides(channel: np.ndarray) -> tuple[np.ndarray, ...]:
    return channel[0], channel[-1], channel[:, 0], channel[:, -1]


def _extent(inside: np.ndarray) -> list[int]:
    found = np.flatnonzero(inside)
    return [int(found[0]), int(found[-1]) + 1] if len(found) else [0, len(inside)]
