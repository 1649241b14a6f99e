"""Cascades: the previous stage's labels as image channels, disturbed so that they are not trusted blindly."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nnunetv2.training.data_augmentation.batched.components import component_numbers

P_RESHAPE, P_DROP, P_OF_A_LABEL = 0.4, 0.2, 0.5
RADII = (1.0, 8.0)
LARGEST_DROPPED = 0.15
OPERATORS = ((True,), (False,), (True, False), (False, True))
"""Dilation, erosion, closing, opening: what follows upon what, True for a dilation."""


@dataclass(frozen=True)
class Disturbances:
    """Disturbances of one sample.

    Parameters:
        reshaped: (label's position, index in OPERATORS, radius in pixels) in the order in which they are done.
        dropped: (label's position, which of its small components, as a share in [0, 1)).
    """

    reshaped: tuple[tuple[int, int, float], ...] = ()
    dropped: tuple[tuple[int, float], ...] = ()


def draw_disturbances(labels: int) -> Disturbances:
    """Draw the disturbances of a sample with so many foreground labels from numpy's global stream."""
    reshaped = [
        (label, int(np.random.randint(len(OPERATORS))), float(np.random.uniform(*RADII)))
        for label in _some_labels(labels, P_RESHAPE)
    ]
    dropped = [(label, float(np.random.uniform())) for label in _some_labels(labels, P_DROP)]
    return Disturbances(tuple(reshaped), tuple(dropped))


def _some_labels(labels: int, probability: float) -> list[int]:
    if np.random.uniform() >= probability:
        return []
    return [int(label) for label in np.random.permutation(labels) if np.random.uniform() < P_OF_A_LABEL]


def one_hot(previous: Tensor, labels: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Return one channel a label of a previous stage (B, *spatial): (B, L, *spatial)."""
    return torch.stack([previous == label for label in labels], 1).to(dtype)


def disturb(channels: Tensor, disturbances: Sequence[Disturbances]) -> None:
    """Disturb label channels (B, L, *spatial) of 0 and 1, in place: first their shapes, then their components.

    What a label gains, the others lose.
    """
    for sample, own in zip(channels, disturbances, strict=True):
        for label, operator, radius in own.reshaped:
            reshaped = reshape(sample[label] > 0, OPERATORS[operator], radius)
            sample.masked_fill_(reshaped & (sample[label] == 0), 0)
            sample[label] = reshaped.to(sample.dtype)
        for label, share in own.dropped:
            sample[label].masked_fill_(small_component(sample[label] > 0, share), 0)


def reshape(mask: Tensor, dilations: Sequence[bool], radius: float) -> Tensor:
    """Dilate (True) or erode (False) a mask (*spatial), one after the other; beyond the border nothing changes it."""
    for grows in dilations:
        mask = _dilated(mask, radius) if grows else ~_dilated(~mask, radius)
    return mask


def _dilated(mask: Tensor, radius: float) -> Tensor:
    """Return where a voxel of the mask is in reach; the structuring element is skimage's disk or ball of the radius.

    It holds the voxels whose squared offsets sum up to at most radius^2; the least sum is found axis by axis.
    """
    offsets = _offsets(radius, mask.ndim)
    beyond = float(mask.ndim * 4 * (radius + 1) ** 2)
    least = torch.where(mask, 0.0, beyond)
    for axis in range(mask.ndim):
        least = _least_along(least, offsets, axis, beyond)
    return least <= radius**2 * (1 + 1e-6)


def _offsets(radius: float, axes: int) -> np.ndarray:
    """Return the offsets of an axis; if the radius is no integer, skimage steps from -radius on, or to +radius."""
    return np.arange(-radius, radius + 1) if axes == 2 else np.linspace(-radius, radius, int(2 * radius + 1))


def _least_along(values: Tensor, offsets: np.ndarray, axis: int, beyond: float) -> Tensor:
    size, centre = values.shape[axis], (len(offsets) - 1) // 2
    result = torch.full_like(values, beyond)
    for number, offset in enumerate(offsets.tolist()):
        step = number - centre
        length = size - abs(step)
        if length > 0:
            target = result.narrow(axis, max(0, -step), length)
            torch.minimum(target, values.narrow(axis, max(0, step), length) + offset**2, out=target)
    return result


def small_component(mask: Tensor, share: float) -> Tensor:
    """Return one of the components of less than 15 % of the voxels as a mask, chosen by a share; empty if none is."""
    numbers = component_numbers(mask)
    sizes = torch.bincount(numbers.flatten())
    sizes[0] = 0
    small = ((sizes > 0) & (sizes < LARGEST_DROPPED * mask.numel())).nonzero()[:, 0]
    if len(small) == 0:
        return torch.zeros_like(mask)
    return numbers == small[int(share * len(small))]
