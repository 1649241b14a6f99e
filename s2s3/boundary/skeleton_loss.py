"""L_skeleton: the disagreement of thin lines in prediction and target (method, section 2.2)."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from nnunetv2.boundary.map_errors import error_with_long_range


def thin_lines(maps: Tensor, valid: Tensor | None = None) -> Tensor:
    """Return e(x) = x - erode3x3(x), grey erosion: how far each pixel exceeds the minimum of its neighbourhood.

    Parameters:
        maps: (M, *S) with two or three spatial axes, values in [0, 1].
        valid: (M, *S) bool; invalid pixels are 0 in the result and erode nothing. None: all are valid.
    """
    filled = maps if valid is None else maps.masked_fill(~valid, 1.0)
    lines = maps - _erode(filled)
    return lines if valid is None else lines.masked_fill(~valid, 0.0)


def skeleton_loss(
    prediction: Tensor, target: Tensor, valid: Tensor | None, long_range_weight: float, tau: float, bins: int
) -> Tensor:
    """Return MSE(e(p), e(g)) + long_range_weight * MSE(LR(e(p); e(g)), e(g)) for each map, (M,)."""
    predicted, wanted = thin_lines(prediction, valid), thin_lines(target, valid)
    return error_with_long_range(predicted, wanted, valid, long_range_weight, tau, bins)


def _erode(maps: Tensor) -> Tensor:
    """Return the minimum of each pixel's neighbourhood, axis by axis: on a CPU many times as fast as pooling."""
    for axis in range(1, maps.dim()):
        if maps.shape[axis] > 1:
            maps = _LowestNeighbour.apply(maps, axis)  # type: ignore[no-untyped-call]
    return maps


class _LowestNeighbour(Function):
    """The minimum of each pixel and its two neighbours along an axis, as the minimum of minima of pairs.

    The gradient goes to the pixel that is the minimum, the first one of several.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, axis: int) -> Tensor:
        pairs, is_first = _minimum_of_pairs(maps, axis, ctx.needs_input_grad[0])
        inner, is_first_pair = _minimum_of_pairs(pairs, axis, ctx.needs_input_grad[0])
        ctx.axis = axis
        ctx.save_for_backward(is_first, is_first_pair)
        last = pairs.shape[axis] - 1
        return torch.cat([pairs.narrow(axis, 0, 1), inner, pairs.narrow(axis, last, 1)], dim=axis)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        gradient, axis = gradients[0], ctx.axis
        is_first, is_first_pair = ctx.saved_tensors
        rest = gradient.shape[axis] - 1
        of_pairs = _to_pairs(gradient.narrow(axis, 1, rest - 1), is_first_pair, axis)
        of_pairs.narrow(axis, 0, 1).add_(gradient.narrow(axis, 0, 1))
        of_pairs.narrow(axis, rest - 1, 1).add_(gradient.narrow(axis, rest, 1))
        return _to_pairs(of_pairs, is_first, axis), None


def _minimum_of_pairs(maps: Tensor, axis: int, with_source: bool) -> tuple[Tensor, Tensor | None]:
    """Return the minimum of neighbours along an axis, one fewer than pixels, and 1 where it is the first of the two."""
    rest = maps.shape[axis] - 1
    first, second = maps.narrow(axis, 0, rest), maps.narrow(axis, 1, rest)
    return torch.minimum(first, second), (first <= second).to(maps.dtype) if with_source else None


def _to_pairs(gradient: Tensor, is_first: Tensor, axis: int) -> Tensor:
    """Return gradients of pairs given to the first or to the second one of them, along an axis longer by one."""
    shape = list(gradient.shape)
    shape[axis] += 1
    result, to_first = gradient.new_zeros(shape), gradient * is_first
    result.narrow(axis, 0, shape[axis] - 1).add_(to_first)
    result.narrow(axis, 1, shape[axis] - 1).add_(gradient - to_first)
    return result
