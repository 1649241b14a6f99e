"""How well predicted edge maps agree with the edges of the labels, cheap enough for every validation step."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nnunetv2.boundary.boundary_metrics import BoundaryAgreement

TOLERANCE_PX = 2
"""In any direction, diagonals included."""
THRESHOLDS = tuple(step / 10 for step in range(1, 10))
"""Probabilities above which a pixel counts as predicted."""


def edge_agreement(
    logits: Tensor,
    edges: Tensor,
    valid: Tensor | None = None,
    tolerance_px: int = TOLERANCE_PX,
    thresholds: Sequence[float] = THRESHOLDS,
) -> Tensor:
    """Return the fields of a BoundaryAgreement for each threshold, (T, 4), summed over samples, classes and pixels.

    Predicted edge pixels, those of them near an edge; edge pixels, those of them near a predicted one.

    Parameters:
        logits: edge logits (B, K, *S).
        edges: 0 or 1, (B, K, *S).
        valid: bool, (B, 1, *S), False for ignored pixels; None if all pixels count.
    """
    logits, expected = logits.float(), edges.bool()
    if valid is not None:
        logits, expected = logits.masked_fill(~valid, -math.inf), expected & valid
    near_edge = _highest_nearby(expected.float(), tolerance_px) > 0
    best_nearby = _highest_nearby(logits, tolerance_px)
    counts = []
    for threshold in thresholds:
        least = math.log(threshold / (1 - threshold))
        predicted = logits > least
        counted = (predicted, predicted & near_edge, expected, expected & (best_nearby > least))
        counts.append(torch.stack([torch.count_nonzero(pixels) for pixels in counted]))
    return torch.stack(counts)


def best_f1(counts: Any) -> float:
    """Return the boundary F1 at the threshold where it is highest; NaN without any edge, predicted or not.

    One threshold for all images (the optimal dataset scale of Arbelaez et al., PAMI 2011). A map of nothing but edges
    has 2 s / (1 + s), with s the share of pixels near an edge.

    Parameters:
        counts: (T, 4), see `edge_agreement`.
    """
    found = [BoundaryAgreement(*map(int, row)).boundary_f1 for row in np.asarray(counts)]
    return max((value for value in found if not math.isnan(value)), default=math.nan)


def _highest_nearby(maps: Tensor, reach: int) -> Tensor:
    dims = maps.dim() - 2
    pool = {2: functional.max_pool2d, 3: functional.max_pool3d}[dims]
    for axis in range(dims):  # one axis after the other is faster
        reaches = [reach if axis == other else 0 for other in range(dims)]
        maps = pool(maps, [2 * cells + 1 for cells in reaches], stride=1, padding=reaches)
    return maps
