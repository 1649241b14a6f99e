"""Changes of single channels of single samples: `planes` (N, *spatial), each with its own parameters.

On the CPU a plane is changed by itself and in place, since it stays in the cache; elsewhere all of them at once.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

ChangePlanes = Callable[[Tensor, Tensor], None]


def change_planes(images: Tensor, parameters: np.ndarray, unchanged: float, change: ChangePlanes) -> None:
    """Apply a change in place to the channels with a parameter other than `unchanged`.

    Parameters:
        images: (B, C, *spatial), contiguous.
        parameters: (B, C) or (B, C, k).
        change: gets planes (N, *spatial), which it changes in place, and their parameters (N, k), float32 on the CPU.
    """
    planes = images.view(-1, *images.shape[2:])
    of_plane = parameters.reshape(len(planes), -1)
    chosen = np.flatnonzero((of_plane != unchanged).any(axis=1))
    if not len(chosen):
        return
    values = torch.from_numpy(of_plane.astype(np.float32))
    for group in groups_of_planes(chosen, images.device):
        if len(group) == 1:
            own = slice(group[0], group[0] + 1)
            change(planes[own], values[own])
        else:
            copied = planes[group]
            change(copied, values[group])
            planes[group] = copied


def groups_of_planes(chosen: np.ndarray, device: torch.device) -> list[np.ndarray]:
    """Return the planes that are changed together."""
    if device.type == "cpu":
        return [chosen[index : index + 1] for index in range(len(chosen))]
    return [chosen]


def spread(values: Tensor, planes: Tensor) -> Tensor:
    """Return one value a plane, (N,), on the planes' device and in a shape that broadcasts over them."""
    return values.view(-1, *[1] * (planes.ndim - 1)).to(planes.device, non_blocking=True)


def mean_of(planes: Tensor) -> Tensor:
    """Return the mean of each plane, (N,)."""
    return planes.flatten(1).mean(1)


def range_of(planes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the lowest and the highest value of each plane, (N,) each."""
    if len(planes) == 1:  # several times as fast as along an axis
        lowest, highest = torch.aminmax(planes)
        return lowest[None], highest[None]
    lowest, highest = torch.aminmax(planes.flatten(1), dim=1)
    return lowest, highest


def deviation_of(centred: Tensor) -> Tensor:
    """Return the standard deviation (n - 1) of each plane, (N,), given planes with the mean 0."""
    values = centred.flatten(1)
    squares = torch.dot(values[0], values[0])[None] if len(values) == 1 else values.square().sum(1)
    return (squares / max(1, values.shape[1] - 1)).sqrt()
