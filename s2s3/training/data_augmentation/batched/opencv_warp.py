"""Rotation and scaling of planes by OpenCV 5, where it is installed: several times as fast as grid_sample on the CPU.

Up to version 4, it rounded places to a 32nd of a pixel.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnunetv2.training.data_augmentation.batched.label_votes import LabelCells

FIRST_EXACT_VERSION = 5
LONGEST_SIDE = 2**15 - 1


def opencv_takes(sizes: Sequence[int], patch_size: Sequence[int], device: torch.device) -> bool:
    """Tell whether OpenCV is there and can make patches of a size from inputs of some sizes."""
    fits = len(sizes) == 2 and max(*sizes, *patch_size) < LONGEST_SIDE
    return fits and device.type == "cpu" and _opencv() is not None


@lru_cache(maxsize=1)
def _opencv() -> Any:
    """Return the module, None if there is none that is exact."""
    try:
        import cv2
    except ImportError:  # also one that lacks a library of the system
        return None
    return cv2 if int(cv2.__version__.split(".")[0]) >= FIRST_EXACT_VERSION else None


@dataclass(frozen=True)
class PlanePlaces:
    """Places in planes around their centres.

    Parameters:
        matrix: (N, 2, 2), M of each sample.
        sizes, patch_size: of input and result.
    """

    matrix: np.ndarray
    sizes: tuple[int, ...]
    patch_size: tuple[int, ...]

    def images(self, images: Tensor) -> Tensor:
        """Return images (N, C, *wide), interpolated linearly, (N, C, *patch)."""
        return self._moved(images, _opencv().INTER_LINEAR, margin=0)

    def labels(self, labels: Tensor) -> Tensor:
        """Return labels (N, S, *wide), at each place the one of most weight, (N, S, *patch)."""
        cells = LabelCells.of(labels)
        # The centre of the first cell is the outer border of the input, half a voxel before the first voxel's.
        return cells.decided(self._moved(cells.labels, _opencv().INTER_NEAREST, margin=0.5), self._positions)

    def _moved(self, planes: Tensor, interpolation: int, margin: float) -> Tensor:
        result = planes.new_empty(*planes.shape[:2], *self.patch_size)
        flags = interpolation | _opencv().WARP_INVERSE_MAP
        with _one_thread():
            for sources, targets, matrix, shift in zip(planes, result, self.matrix, self._shifts(margin), strict=True):
                moved = np.column_stack([matrix, shift])[::-1, [1, 0, 2]]  # OpenCV takes x before y
                for source, target in zip(sources.numpy(), targets.numpy(), strict=True):
                    target[...] = _opencv().warpAffine(source, moved, self.patch_size[::-1], flags=flags)
        return result

    def _shifts(self, margin: float) -> np.ndarray:
        """Return the position of the first voxel of each result, (N, 2), in inputs with a margin."""
        from_centre = (np.array(self.patch_size) - 1) / 2
        return (np.array(self.sizes) - 1) / 2 + margin - self.matrix @ from_centre

    def _positions(self, sample: Tensor, pixel: Tensor, _: Sequence[int]) -> list[Tensor]:
        row = pixel.div(self.patch_size[1], rounding_mode="floor")
        column = pixel - row * self.patch_size[1]
        own = np.concatenate([self.matrix, self._shifts(1)[..., None]], axis=2).astype(np.float32)
        factors = torch.from_numpy(own)[sample] if len(own) > 1 else torch.from_numpy(own)
        return [
            torch.addcmul(factors[:, axis, 2] + factors[:, axis, 0] * row, factors[:, axis, 1], column)
            for axis in range(2)
        ]


_LOCK = threading.Lock()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let OpenCV compute in the thread that calls it: processes that augment share the CPUs already."""
    with _LOCK:  # the setting is that of the process
        before = _opencv().getNumThreads()
        _opencv().setNumThreads(1)
        try:
            yield
        finally:
            _opencv().setNumThreads(before)
