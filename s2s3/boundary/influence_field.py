"""L_field: the influence of edges on nearby pixels, compared between prediction and target (method, section 2.2)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from nnunetv2.boundary.map_errors import error_with_long_range

_FALL_OFF = 0.1
_MOST_BITS_OF_SOURCES = 10
_MOST_BITS_OF_LEVELS = 30
_SMALLEST_LOGARITHM = -32.0
_LOGARITHMS = 64.0  # range that fits, a power of 2: from 0 down to the smallest one, and to its products with factors


def reach(maps: Tensor, steps: int) -> Tensor:
    """Return F(x) = max over r = 0..steps-1 of (1 - r / steps) * dilation of x by r pixels (a square of 2r + 1).

    1 on a sharp edge and falling linearly with the distance (along the longest axis) to 0 at `steps` pixels.
    Differentiable: the gradient goes to the pixel with the maximum.

    Parameters:
        maps: (M, *S) with any number of spatial axes, float32, from 0 to 1. Where weighted values differ by less than
            a 30,000th, either may be taken for the maximum.
    """
    result: Tensor = _Reach.apply(maps, steps)  # type: ignore[no-untyped-call]
    return result


def reach_of_edges(edges: Tensor, steps: int) -> Tensor:
    """Return `reach` of maps of 0 and 1, float32: the share of the `steps` dilations that reach a pixel."""
    grown = _with_margin(edges.to(torch.uint8 if steps < 2**8 else torch.int32), 0)
    count = grown.clone()
    for _ in range(1, steps):
        grown = _dilate(grown, 0)
        count += grown
    return _without_margin(count).float() / steps


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
    """Stepwise dilation of integers that pack the logarithm of a value with the pixel it came from.

    A maximum of such integers carries its source along, and a factor is a difference of logarithms, which leaves the
    source alone. The field and its gradient are then computed from the source's own value.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, steps: int) -> Tensor:
        packing = _Packing.of(maps.dim() - 1, steps)
        lowest = torch.iinfo(packing.dtype).min // 2
        spread = best = _with_margin(packing.pack(maps), lowest)
        for step in range(1, steps):
            spread = _dilate(spread, lowest)
            best = torch.maximum(best, spread + packing.factor(1 - step / steps))
        source, distance = packing.unpack(_without_margin(best))
        share = distance.to(maps.dtype).mul_(-1 / steps).add_(1)
        ctx.save_for_backward(source, share)
        return maps.flatten(1).gather(1, source.flatten(1)).view_as(maps) * share

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        source, share = ctx.saved_tensors
        given = gradients[0] * share
        collected = torch.zeros_like(given).flatten(1).scatter_add_(1, source.flatten(1), given.flatten(1))
        return collected.view_as(given), None


@dataclass(frozen=True)
class _Packing:
    """Integers whose upper bits are the logarithm of a value, and whose lower ones the pixel it came from.

    They hold the last bits of its coordinates, which are enough for one that is less than `steps` pixels away.

    Parameters:
        bits: of a coordinate.
        levels: of the logarithm to base 2, per unit.
    """

    bits: int
    dims: int
    dtype: torch.dtype
    levels: float

    @staticmethod
    def of(dims: int, steps: int) -> "_Packing":
        bits = max(1, (2 * steps - 2).bit_length())
        dtype = torch.int32 if dims * bits <= _MOST_BITS_OF_SOURCES else torch.int64
        left = torch.iinfo(dtype).bits - 1 - dims * bits
        return _Packing(bits, dims, dtype, 2.0 ** min(left, _MOST_BITS_OF_LEVELS) / _LOGARITHMS)

    def factor(self, value: float) -> int:
        """Return what to add for a multiplication by a positive value."""
        return round(math.log2(value) * self.levels) << (self.dims * self.bits)

    def pack(self, maps: Tensor) -> Tensor:
        """Return packed numbers of maps (M, *S), float32, from 0 to 1."""
        logarithms = maps.log2().clamp_(min=_SMALLEST_LOGARITHM).mul_(self.levels).to(self.dtype)
        return logarithms.bitwise_left_shift_(self.dims * self.bits).bitwise_or_(
            self._own_bits(maps.shape, maps.device)
        )

    def unpack(self, packed: Tensor) -> tuple[Tensor, Tensor]:
        """Return the flat positions of the sources, int64, and their distances along the longest axis, (M, *S) each."""
        half, mask = 1 << (self.bits - 1), (1 << self.bits) - 1
        source, distance = torch.zeros_like(packed), torch.zeros_like(packed)
        for axis in range(self.dims):
            own = _along(packed.shape, axis, self.dtype, packed.device)
            moved = packed.bitwise_right_shift((self.dims - 1 - axis) * self.bits).sub_(own - half)
            moved.bitwise_and_(mask).sub_(half)
            source.mul_(packed.shape[axis + 1]).add_(moved).add_(own)
            torch.maximum(distance, moved.abs_(), out=distance)
        return source.long(), distance

    def _own_bits(self, shape: Sequence[int], device: torch.device) -> Tensor:
        own = torch.zeros((), dtype=self.dtype, device=device)
        for axis in range(self.dims):
            own = (own << self.bits) | (_along(shape, axis, self.dtype, device) & ((1 << self.bits) - 1))
        return own


def _along(shape: Sequence[int], axis: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the coordinates of maps (M, *shape) along an axis, in a shape that broadcasts over them."""
    sizes = [-1 if number == axis else 1 for number in range(len(shape) - 1)]
    return torch.arange(shape[axis + 1], dtype=dtype, device=device).view(sizes)


def _with_margin(maps: Tensor, lowest: int) -> Tensor:
    """Return maps (M, *S) with a margin of the lowest value behind the end of every axis, (M, *S + 1)."""
    return pad(maps, [0, 1] * (maps.dim() - 1), value=lowest)


def _without_margin(maps: Tensor) -> Tensor:
    for axis in range(1, maps.dim()):
        maps = maps.narrow(axis, 0, maps.shape[axis] - 1)
    return maps.contiguous()


def _dilate(maps: Tensor, lowest: int) -> Tensor:
    """Take the maximum over the neighbours within one pixel along every spatial axis, diagonals included.

    Thanks to the margin, a neighbour along any axis is always as far away in memory: rows need no loop of their own.

    Parameters:
        maps: contiguous, `_with_margin`.
    """
    flat = maps.view(-1)
    for axis in range(1, maps.dim()):
        step = maps.stride(axis)
        pairs = torch.maximum(flat[:-step], flat[step:])
        flat = torch.empty_like(flat)
        flat[:step] = pairs[:step]
        torch.maximum(pairs[:-step], pairs[step:], out=flat[step:-step])
        flat[-step:] = lowest
    grown = flat.view_as(maps)
    for axis in range(1, maps.dim()):
        grown.narrow(axis, maps.shape[axis] - 1, 1).fill_(lowest)
    return grown
