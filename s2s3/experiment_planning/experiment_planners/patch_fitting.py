"""Patch and batch size of one configuration: as large as the image and the memory allow. Pure arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnunetv2.errors import SettingsError
from nnunetv2.experiment_planning.experiment_planners.network_topology import get_pool_and_conv_props
from nnunetv2.preprocessing.resampling.default_resampling import Numbers

_UNLIMITED_POOLS = 999_999
_START_EDGE = {3: 256, 2: 2048}


@dataclass(frozen=True)
class Topology:
    """What the patch decides of a U-Net."""

    patch_size: tuple[int, ...]
    """Voxels per axis, divisible by `divisors`."""
    strides: tuple[tuple[int, ...], ...]
    """One entry per stage, the first all ones."""
    kernel_sizes: tuple[tuple[int, ...], ...]
    divisors: tuple[int, ...]

    @property
    def n_stages(self) -> int:
        """Number of resolution stages."""
        return len(self.strides)


def topology_for(spacing: Numbers, size: Numbers, min_edge_length: int) -> Topology:
    """Return the topology for a wanted patch size, which may be fractional and is rounded up."""
    _, strides, kernels, patch, divisors = get_pool_and_conv_props(spacing, size, min_edge_length, _UNLIMITED_POOLS)
    return Topology(patch, strides, kernels, tuple(int(d) for d in divisors))


def first_patch_size(spacing: np.ndarray, median_shape: Numbers) -> list[float]:
    """Return a patch of 256^3 or 2048^2 voxels, isotropic in millimetres, no axis longer than in the median image."""
    dims = len(spacing)
    voxels_per_unit = 1 / spacing
    scale = (_START_EDGE[dims] ** dims / np.prod(voxels_per_unit)) ** (1 / dims)
    isotropic = [round(edge) for edge in voxels_per_unit * scale]
    return [min(edge, limit) for edge, limit in zip(isotropic, median_shape, strict=True)]


def shrink_longest_axis(topology: Topology, spacing: Numbers, median_shape: Numbers, min_edge_length: int) -> Topology:
    """Return a topology one step smaller along the axis whose patch covers most of the image (ties: the last axis).

    Raises SettingsError if nothing would remain of that axis.
    """
    covered = np.array(topology.patch_size) / np.array(median_shape)
    axis = int(np.argsort(covered, kind="stable")[-1])
    smaller = list(topology.patch_size)
    smaller[axis] -= topology.divisors[axis]
    step = topology_for(spacing, smaller, min_edge_length).divisors[axis]
    wanted = list(topology.patch_size)
    wanted[axis] -= step
    if wanted[axis] <= 0:
        raise SettingsError(
            f"no patch fits into the GPU memory target: {topology.patch_size} is still too large. "
            "Increase -gpu_memory_target."
        )
    return topology_for(spacing, wanted, min_edge_length)


def batch_size_for(
    estimate: int,
    reference_estimate: float,
    reference_batch_size: int,
    most_voxels: float,
    patch_size: Sequence[int],
    min_batch_size: int,
) -> int:
    """Return how many patches fit into the memory without covering more than `most_voxels` in one batch.

    Parameters:
        estimate: feature-map elements for one sample of this patch.
        reference_estimate: elements that fit at `reference_batch_size`.
        most_voxels: share of the dataset that one batch may cover, in voxels.
    """
    fitting = round(reference_estimate / estimate * reference_batch_size)
    covering = round(most_voxels / np.prod(patch_size, dtype=np.float64))
    return max(min(fitting, covering), min_batch_size)
