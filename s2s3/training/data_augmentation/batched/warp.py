"""Rotation and scaling around the centre of a patch, cut to a smaller patch.

A voxel of the result at a distance d from its centre comes from the distance M d from the centre of the input, with M
the rotation times the scaling. Outside of the input an image is 0 and a segmentation -1.
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample, pad

OUTSIDE = -1
MIXED = 2**14  # labels of int16 are below
TIE = 1e-5


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


def warp_images(images: Tensor, grid: Tensor) -> Tensor:
    """Return images (N, C, *wide) at the places of a grid, interpolated linearly, (N, C, *patch)."""
    return grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def warp_grid(matrix: np.ndarray, sizes: Sequence[int], patch_size: Sequence[int], device: torch.device) -> Tensor:
    """Return the places in an input of some sizes that a patch is made of, (N, *patch, n), as grid_sample takes them.

    They have the last axis first, and are -1 and 1 at the outer borders of the input.
    """
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


def warp_labels(labels: Tensor, grid: Tensor) -> Tensor:
    """Return labels (N, S, *wide) at the places of a grid, (N, S, *patch): at each place the label of most weight.

    The weights are those of linear interpolation; between labels of equal weight the nearest voxel decides.
    """
    padded = pad(labels, [1] * (2 * len(labels.shape[2:])), value=OUTSIDE).sub_(OUTSIDE)  # grid_sample pads with 0
    cells = _labels_of_cells(padded).float()
    # The outer borders of the input, -1 and 1, are the centres of the first and the last cell.
    found = grid_sample(cells, grid, mode="nearest", padding_mode="zeros", align_corners=True)
    result = found.to(labels.dtype)
    flat, mixed = result.view(-1), places_from(found.view(-1), MIXED)
    if len(mixed):
        flat[mixed] = _vote(padded, grid, mixed)
    return result.add_(OUTSIDE)


def _labels_of_cells(labels: Tensor) -> Tensor:
    """Return the label that all corners of a cell share, or at least MIXED where they differ."""
    lowest = highest = labels
    for axis in range(2, labels.ndim):
        length = labels.shape[axis] - 1
        lowest = torch.minimum(lowest.narrow(axis, 0, length), lowest.narrow(axis, 1, length))
        highest = torch.maximum(highest.narrow(axis, 0, length), highest.narrow(axis, 1, length))
    return highest.sub_(lowest).clamp_(max=1).mul_(MIXED).add_(lowest)


def places_from(values: Tensor, least: float) -> Tensor:
    """Return the positions of flat values that are at least so high; on the CPU many times as fast as with torch."""
    if values.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(values.numpy() >= least))
    return (values >= least).nonzero()[:, 0]


def _vote(labels: Tensor, grid: Tensor, mixed: Tensor) -> Tensor:
    """Return the label of most weight at M flat positions in the result, (M,).

    Parameters:
        labels: (N, S, *wide), padded by one voxel.
        grid: (N, *patch, n), of the input without padding.
    """
    channels, sizes = labels.shape[1], labels.shape[2:]
    pixels = grid[0, ..., 0].numel()
    lowest, shares = torch.zeros_like(mixed), []
    if len(labels) * channels > 1:
        plane = mixed.div(pixels, rounding_mode="floor")
        lowest = plane * labels[0, 0].numel()
        mixed = mixed + (plane.div(channels, rounding_mode="floor") - plane) * pixels
    places = grid.view(-1, len(sizes)).index_select(0, mixed)
    for axis, size in enumerate(sizes):
        position = places[:, len(sizes) - 1 - axis] * (size / 2 - 1) + (size - 1) / 2
        cell = position.floor().clamp_(0, size - 2)
        shares.append(position.sub_(cell).clamp_(0, 1))
        lowest.add_(cell.long(), alpha=math.prod(sizes[axis + 1 :]))
    return _heaviest(*_corners(labels, lowest, shares))


def _corners(labels: Tensor, lowest: Tensor, shares: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return labels and weights, (M,) each, of the 2^n corners of M cells with the flat positions `lowest`."""
    flat, sizes = labels.view(-1), labels.shape[2:]
    found, weights = [], []
    for corner in itertools.product((0, 1), repeat=len(sizes)):
        step = sum(high * math.prod(sizes[axis + 1 :]) for axis, high in enumerate(corner))
        found.append(flat.index_select(0, lowest + step))
        parts = [share if high else 1 - share for share, high in zip(shares, corner, strict=True)]
        weights.append(math.prod(parts[1:], start=parts[0]))
    return found, weights


def _heaviest(labels: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """Return at each of M places the label whose weights, over all candidates, sum up to most."""
    votes = [weight * (1 + TIE) for weight in weights]
    for one, other in itertools.combinations(range(len(labels)), 2):
        agree = (labels[one] == labels[other]).float()
        votes[one].addcmul_(agree, weights[other])
        votes[other].addcmul_(agree, weights[one])
    best, most = labels[0], votes[0]
    for label, vote in zip(labels[1:], votes[1:], strict=True):
        best = torch.where(vote > most, label, best)
        most = torch.maximum(vote, most)
    return best
