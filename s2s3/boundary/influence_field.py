"""L_field: how far an edge reaches, and that prediction and target reach the same pixels (method, section 2.2)."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from nnunetv2.boundary.long_range import long_range
from nnunetv2.boundary.masked_means import masked_square_error

_FALL_OFF = 0.1


def reach(maps: Tensor, steps: int) -> Tensor:
    """Return F(x) = max over r = 0..steps-1 of (1 - r / steps) * dilation of x by r pixels (a square of 2r + 1).

    1 on a sharp edge and falling linearly with the distance (along the longest axis) to 0 at `steps` pixels.
    Differentiable: the gradient goes to the pixel that won the maximum.

    Parameters:
        maps: (M, *S) with any number of spatial axes, float32, not negative.
    """
    result: Tensor = _Reach.apply(maps, steps)  # type: ignore[no-untyped-call]
    return result


def influence(field: Tensor, target: Tensor) -> Tensor:
    """Return sigma(0.5 g) * exp(-(1 - F) / 0.1), elementwise, in [0, 0.63]: high near edges, near target edges more."""
    return torch.sigmoid(0.5 * target) * torch.exp((field - 1) / _FALL_OFF)


def field_loss(
    prediction: Tensor,
    target: Tensor,
    valid: Tensor | None,
    steps: int,
    long_range_weight: float,
    tau: float,
    bins: int,
) -> Tensor:
    """Return the squared difference of both influences plus that of the long-range map, weighted, per map (M,)."""
    predicted, wanted = (influence(part, target) for part in reach(torch.cat([prediction, target]), steps).chunk(2))
    heard = long_range(predicted, wanted, valid, tau, bins)
    error = masked_square_error(predicted, wanted, valid)
    return error + long_range_weight * masked_square_error(heard, wanted, valid)


class _Reach(Function):
    """Dilation step by step on whole numbers that hold a value and the pixel it came from.

    The bits of a float that is not negative order like the float. With them in the upper half of a 64-bit number and
    the pixel's index in the lower, a maximum carries its source along, and the gradient needs nothing but the source.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, steps: int) -> Tensor:
        spread = _pack(maps, torch.arange(maps[0].numel(), dtype=torch.int32, device=maps.device).view(maps[0].shape))
        best = spread
        for step in range(1, steps):
            spread = _dilate(spread)
            value, source = _unpack(spread)
            best = torch.maximum(best, _pack(value * (1 - step / steps), source))
        field, source = _unpack(best)
        ctx.save_for_backward(maps, field, source.contiguous())
        return field.contiguous()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        maps, field, source = ctx.saved_tensors
        index = source.flatten(1).long()
        original = maps.flatten(1).gather(1, index)
        share = torch.where(original > 0, field.flatten(1) / original, torch.ones_like(original))
        collected = torch.zeros_like(maps).flatten(1).scatter_add_(1, index, gradients[0].flatten(1) * share)
        return collected.view_as(maps), None


def _pack(values: Tensor, sources: Tensor) -> Tensor:
    """Return int64 numbers that order by value (float32, not negative), then by source (int32, not negative)."""
    halves = torch.stack([sources.expand_as(values), values.contiguous().view(torch.int32)], dim=-1)
    return halves.view(torch.int64)[..., 0]


def _unpack(packed: Tensor) -> tuple[Tensor, Tensor]:
    """Return the values (float32) and sources (int32) of packed numbers."""
    halves = packed.contiguous()[..., None].view(torch.int32)
    return halves[..., 1].contiguous().view(torch.float32), halves[..., 0]


def _dilate(maps: Tensor) -> Tensor:
    """Take the maximum over the neighbours within one pixel along every spatial axis, diagonals included."""
    for axis in range(1, maps.dim()):
        grown = maps.clone()
        rest = maps.shape[axis] - 1
        for there, here in ((1, 0), (0, 1)):
            part = grown.narrow(axis, there, rest)
            torch.maximum(part, maps.narrow(axis, here, rest), out=part)
        maps = grown
    return maps
