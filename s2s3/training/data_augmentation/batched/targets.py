"""The last steps for a batch: the mask of the image, and targets from its labels (B, 1 or 2, *spatial), -1 outside."""

from collections.abc import Sequence

import torch
from torch import Tensor


def mask_images(images: Tensor, labels: Tensor, channels: Sequence[int]) -> None:
    """Set channels of images to 0, in place, outside of the labels' first channel."""
    outside = labels[:, 0] < 0
    for channel in channels:
        images[:, channel].masked_fill_(outside, 0)


def regions_of(labels: Tensor, regions: Sequence[int | Sequence[int]]) -> Tensor:
    """Return whether the first channel's label is in each region, bool (B, R, *spatial)."""
    first = labels[:, 0]
    members = [(region,) if isinstance(region, int) else tuple(region) for region in regions]
    return torch.stack([torch.stack([first == label for label in region]).any(0) for region in members], 1)


def at_scales(target: Tensor, scales: Sequence[Sequence[float] | float]) -> list[Tensor]:
    """Return the target at each scale, taken at the nearest voxels; at scale 1 it is the target itself."""
    axes = target.ndim - 2
    factors = [[scale] * axes if isinstance(scale, int | float) else list(scale) for scale in scales]
    return [_resized(target, [round(n * f) for n, f in zip(target.shape[2:], own, strict=True)]) for own in factors]


def _resized(target: Tensor, sizes: Sequence[int]) -> Tensor:
    result = target
    for axis, size in enumerate(sizes, start=2):
        if size != target.shape[axis]:
            result = _nearest(result, axis, size)
    return result.contiguous()


def _nearest(values: Tensor, axis: int, size: int) -> Tensor:
    step, rest = divmod(values.shape[axis], size)
    if rest == 0:  # a view
        every = [slice(None)] * values.ndim
        every[axis] = slice(step // 2, None, step)
        return values[tuple(every)]
    places = (torch.arange(size, device=values.device) + 0.5) * (values.shape[axis] / size)
    return values.index_select(axis, places.long())
