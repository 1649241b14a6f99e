"""Long-range interaction between pixels of similar value (method, section 2.2, LR(x; m)).

At pixel q, the average of a map m over all pixels k of the image, weighted by the affinity of their values:

    LR(x; m)_q = sum_k a(x_q, x_k) m_k / sum_k a(x_q, x_k),     a(u, v) = exp(-(u - v)^2 / tau).

Since x is a scalar in [0, 1], the sums depend only on the value x_q: they are computed once for B values (bins), from
histograms of x and of m over x, and looked up. This takes O(pixels + B^2) instead of O(pixels^2).
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

_LANES = 32
_SMALLEST_SUM = 1e-12


def long_range(values: Tensor, message: Tensor, counted: Tensor | None, tau: float, bins: int) -> Tensor:
    """Return LR(values; message) for each map separately.

    Parameters:
        values: x in [0, 1], (M, *S), float32 or float64; the result is differentiable in it.
        message: m, (M, *S); no gradient flows into it.
        counted: weights (M, *S) of the pixels in the average; None counts all equally.
        tau: width of the affinity, in squared units of x.
        bins: number of values of x to compute the sums for, at least 2; results in between are interpolated linearly.

    Returns (M, *S), within the range of the message; 0 for a map without a counted pixel.
    """
    weights = None if counted is None else counted.to(values).flatten(1)
    flat = (values.flatten(1), message.detach().flatten(1), weights)
    result: Tensor = _LongRange.apply(*flat, tau, bins)  # type: ignore[no-untyped-call]
    return result.view_as(values)


class _LongRange(Function):
    """The sums by bins with their derivative by hand, so that little is kept at the size of the image.

    With c_b, s_b the histograms of the counted pixels and of m, A the bins' affinities: t = A s / A c, and the result
    is t interpolated at x. A pixel changes the result directly, along the slope of t, and through both histograms.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, message: Tensor, counted: Tensor | None, tau: float, bins: int) -> Tensor:
        lower, fraction = _place(values, bins)
        lanes = lower + _lanes(lower.shape[1], bins, lower.device)
        counts = _histogram(lanes, fraction, counted, bins)
        sums = _histogram(lanes, fraction, message if counted is None else counted * message, bins)
        affinity = _affinity(bins, tau, values.dtype, values.device)
        divisor = (counts @ affinity).clamp(min=_SMALLEST_SUM)
        table = (sums @ affinity) / divisor
        ctx.save_for_backward(lower, lanes, fraction, message, counted, divisor, table)
        ctx.settings = (tau, bins)
        return torch.addcmul(table.gather(1, lower), _slope(table, lower), fraction)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        lower, lanes, fraction, message, counted, divisor, table = ctx.saved_tensors
        tau, bins = ctx.settings
        affinity = _affinity(bins, tau, fraction.dtype, fraction.device)
        collected = _histogram(lanes, fraction, gradients[0], bins) / divisor
        to_sums, to_counts = collected @ affinity, -(collected * table) @ affinity
        through_sums = torch.addcmul(_slope(to_counts, lower), message, _slope(to_sums, lower))
        if counted is not None:
            through_sums *= counted
        slope = through_sums.addcmul_(gradients[0], _slope(table, lower))
        return slope.mul_(bins - 1), None, None, None, None


def _place(values: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """Return for each value the bin below it and its distance from that bin, in [0, 1] bins."""
    position = values.clamp(0, 1) * (bins - 1)
    lower = position.long().clamp_(max=bins - 2)  # rounds down
    return lower, position.sub_(lower)


def _histogram(lanes: Tensor, fraction: Tensor, amounts: Tensor | None, bins: int) -> Tensor:
    """Return the sums of amounts (None: of ones) by bin, (M, bins), each split linearly between the bins around it.

    What belongs to the upper bins is collected apart and moved by one at the end. Neighbouring pixels add to different
    lanes first: most pixels fall into few bins, where GPU threads would wait for each other.

    Parameters:
        lanes: the bin below each value plus `_lanes`, (M, pixels).
        fraction: of each amount that belongs to the bin above.
    """
    whole, upper = fraction.new_zeros(2, len(lanes), _LANES * bins)
    ones = fraction.new_ones(()).expand_as(fraction)
    whole.scatter_add_(1, lanes, ones if amounts is None else amounts)
    upper.scatter_add_(1, lanes, fraction if amounts is None else amounts * fraction)
    whole, upper = (part.view(-1, _LANES, bins).sum(dim=1) for part in (whole, upper))
    whole[:, 1:] += upper[:, :-1]
    return whole.sub_(upper)


@lru_cache(maxsize=16)
def _lanes(pixels: int, bins: int, device: torch.device) -> Tensor:
    """Return where the lane of each pixel begins, (pixels,)."""
    with torch.inference_mode(False):
        return torch.arange(pixels, device=device).remainder(_LANES) * bins


def _slope(table: Tensor, lower: Tensor) -> Tensor:
    """Return the rise of a table (M, bins) from each of the bins `lower`, (M, pixels), to the next."""
    return table.diff(dim=1).gather(1, lower)


@lru_cache(maxsize=16)
def _affinity(bins: int, tau: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False), torch.no_grad():
        centres = torch.linspace(0, 1, bins, dtype=dtype, device=device)
        return torch.exp(-((centres[:, None] - centres[None, :]) ** 2) / tau)
