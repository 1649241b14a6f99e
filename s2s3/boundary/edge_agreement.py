"""How well predicted edge maps agree with the edges of the labels, cheap enough for every validation step."""

import torch
from torch import Tensor
from torch.nn import functional

TOLERANCE_PX = 2
"""In any direction, diagonals included."""


def edge_agreement(
    logits: Tensor, edges: Tensor, valid: Tensor | None = None, tolerance_px: int = TOLERANCE_PX
) -> Tensor:
    """Return four counts, the fields of BoundaryAgreement, summed over samples, classes and pixels.

    Predicted edge pixels (probability above 0.5), those of them near an edge; edge pixels, those of them near a
    predicted one.

    Parameters:
        logits: edge logits (B, K, *S).
        edges: 0 or 1, (B, K, *S).
        valid: bool, (B, 1, *S), False for ignored pixels; None if all pixels count.
    """
    predicted, expected = (logits > 0).float(), edges.float()
    if valid is not None:
        predicted, expected = predicted * valid, expected * valid
    near_edge, near_prediction = _grown(expected, tolerance_px), _grown(predicted, tolerance_px)
    counted = (predicted, predicted * near_edge, expected, expected * near_prediction)
    return torch.stack([counts.sum() for counts in counted])


def _grown(maps: Tensor, reach: int) -> Tensor:
    pool = {4: functional.max_pool2d, 5: functional.max_pool3d}[maps.dim()]
    return pool(maps, 2 * reach + 1, stride=1, padding=reach)
