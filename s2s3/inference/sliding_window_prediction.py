"""Positions of the tiles of a sliding window, and the weights of their voxels."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import combinations, product

import numpy as np
import torch

from nnunetv2.errors import CallError

Slicer = tuple[slice | int, ...]

_TRUNCATE_SIGMAS = 4
_GAUSSIAN_MAXIMUM = 10


@lru_cache(maxsize=2)
def compute_gaussian(
    tile_size: tuple[int, ...] | list[int],
    sigma_scale: float = 1.0 / 8,
    value_scaling_factor: float = 1,
    dtype: torch.dtype = torch.float16,
    device: torch.device = torch.device("cuda", 0),  # noqa: B008 - nnU-Net's default
) -> torch.Tensor:
    """Return the importance map of a tile: a Gaussian around its centre, with `value_scaling_factor` as its maximum.

    The standard deviation along an axis of length P is `sigma_scale` * P, and the weight is zero beyond four of them.
    Zero entries (including those that underflow in `dtype`) are set to the smallest non-zero entry, so that every voxel
    counts.
    """
    weights = np.ones((), dtype=np.float64)
    for length in tile_size:
        weights = weights[..., None] * _bell(length, sigma_scale)
    importance = torch.from_numpy(weights * value_scaling_factor).to(dtype).to(device)
    empty = importance == 0
    importance[empty] = importance[~empty].min()
    return importance


def tile_weights(
    tile_size: Sequence[int],
    use_gaussian: bool,
    device: torch.device,
    compute: Callable[..., torch.Tensor] = compute_gaussian,
) -> torch.Tensor | None:
    """Return the weights, (*tile) on `device`, with which predictions of tiles are summed; None: all are equal."""
    if not use_gaussian:
        return None
    return compute(tuple(tile_size), sigma_scale=1 / 8, value_scaling_factor=_GAUSSIAN_MAXIMUM, device=device)


def _bell(length: int, sigma_scale: float) -> np.ndarray:
    """Return a Gaussian with maximum 1 at floor(length / 2), cut off after four standard deviations."""
    sigma = length * sigma_scale
    distance = np.arange(length) - length // 2
    return np.exp(-0.5 * (distance / sigma) ** 2) * (np.abs(distance) <= int(_TRUNCATE_SIGMAS * sigma + 0.5))


def compute_steps_for_sliding_window(
    image_size: Sequence[int], tile_size: Sequence[int], tile_step_size: float
) -> list[list[int]]:
    """Return the tile starts along each axis: evenly spaced from edge to edge, at most `tile_step_size` tiles apart.

    Parameters:
        tile_step_size: distance as a fraction of the tile, in (0, 1].
    """
    if not 0 < tile_step_size <= 1:
        raise CallError(f"tile_step_size is {tile_step_size}, expected more than 0 and at most 1")
    return [_starts(*lengths, tile_step_size) for lengths in zip(image_size, tile_size, strict=True)]


def _starts(image_length: int, tile_length: int, step: float) -> list[int]:
    room = image_length - tile_length
    count = int(np.ceil(room / (tile_length * step))) + 1
    if count <= 1:
        return [0]
    return [int(np.round(room / (count - 1) * i)) for i in range(count)]


def tile_slicers(
    image_size: Sequence[int],
    tile_size: Sequence[int],
    tile_step_size: float,
    compute_steps: Callable[..., list[list[int]]] = compute_steps_for_sliding_window,
) -> list[Slicer]:
    """Return index tuples (channels first) that cut all tiles out of an image, last axis fastest.

    If the tile has one axis fewer than the image, every index of the image's first axis is tiled separately.
    """
    extra = len(image_size) - len(tile_size)
    steps = compute_steps(image_size[extra:], tile_size, tile_step_size)
    planes = product(*(range(length) for length in image_size[:extra]))
    return [
        (slice(None), *plane, *(slice(s, s + length) for s, length in zip(starts, tile_size, strict=True)))
        for plane in planes
        for starts in product(*steps)
    ]


def mirror_combinations(axes: Sequence[int]) -> list[tuple[int, ...]]:
    """Return all non-empty subsets of the spatial `axes`, smaller ones first, as axes of a (B, C, ...) batch."""
    shifted = [axis + 2 for axis in axes]
    return [subset for size in range(1, len(axes) + 1) for subset in combinations(shifted, size)]
