"""L_edge: the weighted sum of the three boundary terms over classes and scales (method, section 2.2).

L_edge = 0.3 L_inverse + 0.2 L_field + 0.2 L_skeleton        total loss = segmentation loss + 0.2 L_edge
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from nnunetv2.boundary.boundary_settings import BoundaryLossSettings
from nnunetv2.boundary.boundary_terms import terms_by_map

__all__ = ["BoundaryLossSettings", "boundary_loss"]

_PIXELS_AT_ONCE = {"cpu": 2**17}
_PIXELS_AT_ONCE_ELSEWHERE = 2**21  # takes about 0.8 GB; a GPU is fastest with few, large calls


def boundary_loss(
    logits: Sequence[Tensor],
    targets: Sequence[tuple[Tensor, Tensor | None]],
    scale_weights: Sequence[float],
    settings: BoundaryLossSettings,
) -> Tensor:
    """Return L_edge, summed over the scales with their weights.

    Parameters:
        logits: edge logits of each scale, (B, K, *S).
        targets: edges (B, K, *S) and valid pixels, (B, 1, *S) or None, of each scale.
        scale_weights: weights of deep supervision; scales of weight 0 are skipped.
    """
    loss = torch.zeros((), device=logits[0].device)
    for scale_logits, (edges, valid), weight in zip(logits, targets, scale_weights, strict=True):
        if weight != 0 and settings.term_weights:
            loss = loss + weight * _ScaleLoss.apply(scale_logits, edges, valid, settings)  # type: ignore[no-untyped-call]
    return loss


class _ScaleLoss(Function):
    """L_edge of one scale; its gradient is computed in the forward pass, a few maps at a time.

    Only the gradient is then kept until the backward pass, instead of dozens of maps; and on a CPU the maps stay in its
    cache, which halves the time.
    """

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, targets: Tensor, valid: Tensor | None, settings: BoundaryLossSettings
    ) -> Tensor:
        maps, edges = logits.flatten(0, 1), targets.flatten(0, 1)
        mask = None if valid is None else valid.expand_as(targets).flatten(0, 1)
        weights = torch.tensor(list(settings.term_weights.values())) / len(maps)
        weights = weights.to(maps.device, non_blocking=True)
        gradient = torch.empty_like(maps, dtype=torch.float32)
        sums = torch.zeros_like(weights)
        for rows in _chunks(maps):
            part = maps[rows].detach().float().requires_grad_()
            with torch.enable_grad(), torch.autocast(maps.device.type, enabled=False):
                terms = terms_by_map(part, edges[rows], None if mask is None else mask[rows], settings)
                stacked = torch.stack([values.sum() for values in terms.values()])
                gradient[rows] = torch.autograd.grad(stacked, part, weights)[0]
            sums += stacked.detach()
        ctx.save_for_backward(gradient.view_as(logits))
        ctx.dtype = logits.dtype
        return (sums * weights).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return (gradient * gradients[0]).to(ctx.dtype), None, None, None


def _chunks(maps: Tensor) -> Iterator[slice]:
    """Yield slices of maps (M, *S), each with the number of maps to process at once."""
    pixels = _PIXELS_AT_ONCE.get(maps.device.type, _PIXELS_AT_ONCE_ELSEWHERE)
    step = max(1, pixels // maps[0].numel())
    for start in range(0, len(maps), step):
        yield slice(start, start + step)
