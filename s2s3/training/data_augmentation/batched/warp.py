"""Rotation and scaling around the centre of a patch, cut to a smaller patch.

A voxel of the result at a distance d from its centre comes from the distance M d from the centre of the input, with M
the rotation times the scaling. Outside of the input an image is 0 and a segmentation -1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from nnunetv2.training.data_augmentation.batched.label_votes import LabelCells
from nnunetv2.training.data_augmentation.batched.opencv_warp import PlanePlaces, opencv_takes


def matrices(angles: np.ndarray, scaling: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Return M for angles (N, 1), or (N, 3) around the three axes, and scaling (N,): (N, n, n).

    Parameters:
        mirror: axes along which the result is mirrored, bool (N, n).
    """
    rotations = np.stack([_rotation(sample) for sample in angles])
    return rotations * scaling[:, None, None] * np.where(mirror, -1, 1)[:, None]


def _rotation(angles: np.ndarray) -> np.ndarray:
    cosine, sine = np.cos(angles), np.sin(angles)
    if len(angles) == 1:
        return np.array([[cosine[0], -sine[0]], [sine[0], cosine[0]]])
    around = np.tile(np.eye(3), (3, 1, 1))
    for axis, (first, second) in enumerate(((1, 2), (2, 0), (0, 1))):
        around[axis, first, first] = around[axis, second, second] = cosine[axis]
        around[axis, first, second], around[axis, second, first] = -sine[axis], sine[axis]
    return around[2] @ around[1] @ around[0]


def reached_size(matrix: np.ndarray, patch_size: Sequence[int], sizes: Sequence[int]) -> tuple[int, ...]:
    """Return the size of the central part of an input of some sizes that patches with M (N, n, n) are made of."""
    distances = (np.abs(matrix) @ ((np.array(patch_size) - 1) / 2)).max(axis=0)
    needed = (2 * math.ceil(distance) + 3 for distance in distances)  # interpolation looks one voxel further
    return tuple(min(size, least + (size - least) % 2) for least, size in zip(needed, sizes, strict=True))


def warp_places(
    matrix: np.ndarray, sizes: Sequence[int], patch_size: Sequence[int], device: torch.device
) -> "GridPlaces | PlanePlaces":
    """Return the places in inputs of some sizes that patches with M (N, n, n) are made of."""
    if opencv_takes(sizes, patch_size, device):
        return PlanePlaces(matrix, tuple(sizes), tuple(patch_size))
    return GridPlaces(_grid(matrix, sizes, patch_size, device))


@dataclass(frozen=True)
class GridPlaces:
    """Places in inputs with any number of axes, on any device.

    Parameters:
        grid: (N, *patch, n), as grid_sample takes them: the last axis first; -1 and 1 are the outer borders.
    """

    grid: Tensor

    def images(self, images: Tensor) -> Tensor:
        """Return images (N, C, *wide), interpolated linearly, (N, C, *patch)."""
        return grid_sample(images, self.grid, mode="bilinear", padding_mode="zeros", align_corners=False)

    def labels(self, labels: Tensor) -> Tensor:
        """Return labels (N, S, *wide), at each place the one of most weight, (N, S, *patch)."""
        cells = LabelCells.of(labels)
        # The outer borders of the input, -1 and 1, are the centres of the first and the last cell.
        found = grid_sample(cells.labels.float(), self.grid, mode="nearest", padding_mode="zeros", align_corners=True)
        return cells.decided(found.to(labels.dtype), self._positions)

    def _positions(self, sample: Tensor, pixel: Tensor, sizes: Sequence[int]) -> list[Tensor]:
        pixels = self.grid[0, ..., 0].numel()
        places = self.grid.view(-1, len(sizes)).index_select(0, sample * pixels + pixel)
        return [places[:, len(sizes) - 1 - axis] * (size / 2 - 1) + (size - 1) / 2 for axis, size in enumerate(sizes)]


def _grid(matrix: np.ndarray, sizes: Sequence[int], patch_size: Sequence[int], device: torch.device) -> Tensor:
    """Return the places that a patch is made of, (N, *patch, n), as grid_sample takes them."""
    grid = torch.empty((len(matrix), *patch_size, len(sizes)), device=device)
    for axis, size in enumerate(sizes):
        _write_positions(matrix[:, axis] * (2 / size), patch_size, grid[..., len(sizes) - 1 - axis])
    return grid


def _write_positions(rows: np.ndarray, patch_size: Sequence[int], out: Tensor) -> None:
    """Write rows (N, n) times the distances of a patch's voxels from its centre, (N, *patch)."""
    total: Tensor | None = None
    for axis, size in enumerate(patch_size):
        shape = [len(rows), *[1] * len(patch_size)]
        shape[1 + axis] = size
        distances = (rows[:, axis, None] * (np.arange(size) - (size - 1) / 2)).astype(np.float32)
        part = torch.from_numpy(distances).to(out.device).view(shape)
        is_last = axis == len(patch_size) - 1
        total = part if total is None else torch.add(total, part, out=out if is_last else None)
