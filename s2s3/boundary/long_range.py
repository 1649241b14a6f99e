"""Long-range interaction: what pixels of the same value have to say (method, section 2.2, LR(x; m)).

At pixel q the value-affinity average of a map m over all pixels k of the image,

    LR(x; m)_q = sum_k a(x_q, x_k) m_k / sum_k a(x_q, x_k),     a(u, v) = exp(-(u - v)^2 / tau).

Since x is one number in [0, 1], the sums depend on the value x_q alone: they are made once for B values (bins), from
histograms of x and of m over x, and looked up. O(pixels + B^2) instead of O(pixels^2).
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

_LANES = 32
_SMALLEST_SUM = 1e-12


def long_range(values: Tensor, message: Tensor, counted: Tensor | None, tau: float, bins: int) -> Tensor:
    """Return LR(values; message) for each map by itself.

    Parameters:
        values: x in [0, 1], (M, *S), float32 or float64; the result is differentiable in it.
        message: m, (M, *S); no gradient flows into it.
        counted: (M, *S) weights, 0 for pixels that nobody hears; None counts all.
        tau: width of the affinity, in squared units of x.
        bins: number of values of x that the sums are made for, at least 2; in between is interpolated linearly.

    Returns (M, *S), within the range of the message; 0 for a map without a counted pixel.
    """
    weights = torch.ones_like(values) if counted is None else counted.to(values)
    flat = (values.flatten(1), message.detach().flatten(1), weights.flatten(1))
    result: Tensor = _LongRange.apply(*flat, tau, bins)  # type: ignore[no-untyped-call]
    return result.view_as(values)


class _LongRange(Function):
    """The sums by bins with their derivative by hand, so that nothing of the size of the image but x is kept.

    With c_b, s_b the histograms of the counted pixels and of m, A the bins' affinities: t = A s / A c, and the result
    is t interpolated at x. A pixel moves the result directly, along the slope of t, and through both histograms.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, message: Tensor, counted: Tensor, tau: float, bins: int) -> Tensor:
        lower, fraction = _place(values, bins)
        counts = _histogram(lower, fraction, counted, bins)
        sums = _histogram(lower, fraction, counted * message, bins)
        affinity = _affinity(bins, tau, values.dtype, values.device)
        divisor = (counts @ affinity).clamp(min=_SMALLEST_SUM)
        table = (sums @ affinity) / divisor
        ctx.save_for_backward(values, message, counted, divisor, table)
        ctx.settings = (tau, bins)
        return torch.lerp(table.gather(1, lower), table.gather(1, lower + 1), fraction)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        values, message, counted, divisor, table = ctx.saved_tensors
        tau, bins = ctx.settings
        lower, fraction = _place(values, bins)
        affinity = _affinity(bins, tau, values.dtype, values.device)
        to_sums = (_histogram(lower, fraction, gradients[0], bins) / divisor) @ affinity
        to_counts = -(_histogram(lower, fraction, gradients[0], bins) * table / divisor) @ affinity
        slope = gradients[0] * _slope(table, lower)
        slope += counted * (message * _slope(to_sums, lower) + _slope(to_counts, lower))
        return slope * (bins - 1), None, None, None, None


def _place(values: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """Return for each value the bin below it and how far it stands towards the next, in [0, 1]."""
    position = values.clamp(0, 1) * (bins - 1)
    lower = position.floor().clamp(max=bins - 2)
    return lower.long(), position - lower


def _histogram(lower: Tensor, fraction: Tensor, amounts: Tensor, bins: int) -> Tensor:
    """Return amounts collected by bin, (M, bins), each shared linearly between the two bins around it.

    Neighbouring pixels add to different lanes first: most pixels fall into few bins, and a GPU would have to wait.
    """
    maps, pixels = lower.shape
    lanes = torch.arange(pixels, device=lower.device).remainder(_LANES) * bins
    index = lower + lanes
    collected = amounts.new_zeros(maps, _LANES * bins)
    upper_share = amounts * fraction
    collected.scatter_add_(1, index, amounts - upper_share)
    collected.scatter_add_(1, index + 1, upper_share)
    return collected.view(maps, _LANES, bins).sum(dim=1)


def _slope(table: Tensor, lower: Tensor) -> Tensor:
    """Return the rise of a table (M, bins) from each bin to the next, at the places (M, pixels)."""
    return table.diff(dim=1).gather(1, lower)


@lru_cache(maxsize=16)
def _affinity(bins: int, tau: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False), torch.no_grad():
        centres = torch.linspace(0, 1, bins, dtype=dtype, device=device)
        return torch.exp(-((centres[:, None] - centres[None, :]) ** 2) / tau)
