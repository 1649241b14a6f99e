"""L_field: the influence of edges on nearby pixels, compared between prediction and target (method, section 2.2)."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from nnunetv2.boundary.map_errors import error_with_long_range

_FALL_OFF = 0.1


def reach(maps: Tensor, steps: int) -> Tensor:
    """Return F(x) = max over r = 0..steps-1 of (1 - r / steps) * dilation of x by r pixels (a square of 2r + 1).

    1 on a sharp edge and falling linearly with the distance (along the longest axis) to 0 at `steps` pixels.
    Differentiable: the gradient goes to the pixel with the maximum.

    Parameters:
        maps: (M, *S) with any number of spatial axes, float32, not negative.
    """
    result: Tensor = _Reach.apply(maps, steps)  # type: ignore[no-untyped-call]
    return result


def reach_of_edges(edges: Tensor, steps: int) -> Tensor:
    """Return `reach` of maps of 0 and 1, float32: the share of the `steps` dilations that reach a pixel."""
    grown = edges.to(torch.uint8 if steps < 2**8 else torch.int32)
    count = grown.clone()
    for _ in range(1, steps):
        grown = _dilate(grown)
        count += grown
    return count.float() / steps


def influence(field: Tensor, target: Tensor) -> Tensor:
    """Return sigma(0.5 g) * exp(-(1 - F) / 0.1), elementwise, in [0, 0.63]: high near edges, more on target edges."""
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
    """Return MSE(p', g') + long_range_weight * MSE(LR(p'; g'), g') for each map, (M,); p' and g' are the influences."""
    predicted = influence(reach(prediction, steps), target)
    wanted = influence(reach_of_edges(target, steps), target)
    return error_with_long_range(predicted, wanted, valid, long_range_weight, tau, bins)


class _Reach(Function):
    """Stepwise dilation of integers that pack a value with the pixel it came from.

    The bits of a non-negative float sort like the float. With them in the upper half of a 64-bit integer and the
    pixel's index in the lower, a maximum carries its source along, and the gradient needs only the source.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, steps: int) -> Tensor:
        spread = _pack(maps, torch.arange(maps[0].numel(), dtype=torch.int32, device=maps.device).view(maps[0].shape))
        best = spread
        for step in range(1, steps):
            spread = _dilate(spread)
            weaker = spread.clone()
            _halves(weaker)[..., 1].view(torch.float32).mul_(1 - step / steps)
            best = torch.maximum(best, weaker)
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
    """Return int64 numbers that sort by value (float32, not negative), then by source (int32, not negative)."""
    halves = torch.stack([sources.expand_as(values), values.contiguous().view(torch.int32)], dim=-1)
    return halves.view(torch.int64)[..., 0]


def _unpack(packed: Tensor) -> tuple[Tensor, Tensor]:
    """Return the values (float32) and sources (int32) of packed numbers."""
    halves = _halves(packed.contiguous())
    return halves[..., 1].contiguous().view(torch.float32), halves[..., 0]


def _halves(packed: Tensor) -> Tensor:
    """Return the sources and the bits of the values of contiguous packed numbers, (*S, 2) int32, as a view."""
    return packed[..., None].view(torch.int32)


def _dilate(maps: Tensor) -> Tensor:
    """Take the maximum over the neighbours within one pixel along every spatial axis, diagonals included."""
    for axis in range(1, maps.dim()):
        rest = maps.shape[axis] - 1
        if rest:
            pairs = torch.maximum(maps.narrow(axis, 0, rest), maps.narrow(axis, 1, rest))
            maps = torch.empty_like(maps)
            maps.narrow(axis, 0, 1).copy_(pairs.narrow(axis, 0, 1))
            maps.narrow(axis, rest, 1).copy_(pairs.narrow(axis, rest - 1, 1))
            inner = maps.narrow(axis, 1, rest - 1)
            torch.maximum(pairs.narrow(axis, 0, rest - 1), pairs.narrow(axis, 1, rest - 1), out=inner)
    return maps
