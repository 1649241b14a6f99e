"""The boundary terms of one scale, by name (method, section 2.2)."""

import torch
from torch import Tensor
from torch.nn import functional

from nnunetv2.boundary.boundary_settings import BoundaryLossSettings
from nnunetv2.boundary.influence_field import field_loss
from nnunetv2.boundary.inverse_transform import inverse_distance
from nnunetv2.boundary.map_errors import masked_mean, masked_square_error
from nnunetv2.boundary.skeleton_loss import skeleton_loss


def terms_by_map(
    logits: Tensor, targets: Tensor, valid: Tensor | None, settings: BoundaryLossSettings
) -> dict[str, Tensor]:
    """Return the terms of each of the maps (M, *S) by name (inverse, field, skeleton, cross_entropy), each (M,).

    If a map has no edge, each of its terms but the cross entropy is the mean squared probability instead, which pulls
    the prediction to zero.
    Computed in float32 for logits of any precision.

    Parameters:
        logits: edge logits, a map per sample and class.
        targets: edges, 0 or 1.
        valid: bool, False for ignored pixels; None if all pixels count.
    """
    with torch.autocast(logits.device.type, enabled=False):
        prediction, target = torch.sigmoid(logits.float()), targets.float()
        if valid is not None:
            prediction = prediction.masked_fill(~valid, 0.0)
        absent = ~target.flatten(1).any(dim=1)
        to_zero = masked_square_error(prediction, target, valid)
        terms = _present_terms(prediction, target, valid, settings)
        terms = {name: torch.where(absent, to_zero, values) for name, values in terms.items()}
        if settings.cross_entropy_weight > 0:
            errors = functional.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
            terms["cross_entropy"] = masked_mean(errors, valid)
        return terms


def _present_terms(
    prediction: Tensor, target: Tensor, valid: Tensor | None, settings: BoundaryLossSettings
) -> dict[str, Tensor]:
    affinity = (settings.long_range_weight, settings.affinity_tau, settings.affinity_bins)
    terms = {}
    if settings.inverse_weight > 0:
        terms["inverse"] = inverse_distance(prediction, target)
    if settings.field_weight > 0:
        terms["field"] = field_loss(prediction, target, valid, settings.field_steps, *affinity)
    if settings.skeleton_weight > 0:
        terms["skeleton"] = skeleton_loss(prediction, target, valid, *affinity)
    return terms
