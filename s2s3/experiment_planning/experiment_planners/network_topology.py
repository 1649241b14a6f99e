"""How often a U-Net may halve each axis of a patch, and with which kernels, given the voxel spacing.

Pure arithmetic. Axes of fine spacing are pooled first, so that the voxels of deep stages are close to isotropic.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from nnunetv2.preprocessing.resampling.default_resampling import Numbers

ISOTROPY_FACTOR = 2
"""Spacings that differ by less than this count as equal."""


def get_shape_must_be_divisible_by(net_numpool_per_axis: Sequence[int]) -> np.ndarray:
    """Return, per axis, the divisor 2^n that a patch needs to survive n halvings."""
    return 2 ** np.array(net_numpool_per_axis)


def pad_shape(shape: Numbers, must_be_divisible_by: int | Sequence[int] | np.ndarray) -> np.ndarray:
    """Round each axis up to a multiple of its divisor; one divisor serves all axes. Fractional sizes are allowed."""
    divisors = np.broadcast_to(must_be_divisible_by, (len(shape),))
    return np.array([int(-(-size // divisor) * divisor) for size, divisor in zip(shape, divisors, strict=True)])


@dataclass
class _Axes:
    """State of the pooling while stages are added; one entry per axis."""

    spacing: list[float]
    size: list[float]
    pools: list[int] = field(init=False)
    kernel: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.pools = [0] * len(self.size)
        self.kernel = [1] * len(self.size)

    def next_to_pool(self, smallest: int, max_pools: int) -> list[int]:
        """Return the axes that the next stage halves; none if the network is deep enough."""
        large = [a for a, size in enumerate(self.size) if size >= 2 * smallest]
        if not large:
            return []
        finest = min(self.spacing[a] for a in large)
        chosen = [a for a in large if self.spacing[a] / finest < ISOTROPY_FACTOR and self.pools[a] < max_pools]
        if len(chosen) == 1 and self.size[chosen[0]] < 3 * smallest:
            return []
        return chosen

    def widen_kernels(self) -> None:
        """Widen the kernel along every axis whose spacing has come close to the finest; it never narrows again."""
        finest = min(self.spacing)
        self.kernel = [
            3 if spacing / finest < ISOTROPY_FACTOR else kernel
            for spacing, kernel in zip(self.spacing, self.kernel, strict=True)
        ]

    def pool(self, axes: Sequence[int]) -> list[int]:
        """Halve `axes` and return the stride of that stage."""
        for axis in axes:
            self.pools[axis] += 1
            self.spacing[axis] *= 2
            self.size[axis] = int(np.ceil(self.size[axis] / 2))
        return [2 if axis in axes else 1 for axis in range(len(self.size))]


def get_pool_and_conv_props(
    spacing: Numbers, patch_size: Numbers, min_feature_map_size: int, max_numpool: int
) -> tuple[list[int], tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...], tuple[int, ...], np.ndarray]:
    """Derive the topology of a U-Net.

    Parameters:
        spacing: voxel spacing per axis.
        patch_size: wanted patch in voxels per axis; may be fractional.
        min_feature_map_size: shortest edge that halving may produce.
        max_numpool: most halvings of one axis.

    Returns:
        halvings per axis, strides per stage, kernels per stage, the patch rounded up to what the halvings need, and
        the divisors 2^halvings. There are as many stages as strides; the first stride is all ones.
    """
    axes = _Axes(list(spacing), list(patch_size))
    strides = [[1] * len(axes.size)]
    kernels: list[list[int]] = []
    while chosen := axes.next_to_pool(min_feature_map_size, max_numpool):
        axes.widen_kernels()
        strides.append(axes.pool(chosen))
        kernels.append(list(axes.kernel))
    kernels.append([3] * len(axes.size))
    divisors = get_shape_must_be_divisible_by(axes.pools)
    patch = tuple(int(size) for size in pad_shape(patch_size, divisors))
    return axes.pools, tuple(map(tuple, strides)), tuple(map(tuple, kernels)), patch, divisors
