"""Boundary learning in a training: the edge branch of a network, and what it reports."""

from collections.abc import Sequence

from torch import nn

from nnunetv2.boundary.edge_branch import EdgeBranch, NoEdgeBranch
from nnunetv2.boundary.settings import BoundaryLossSettings
from nnunetv2.training.loss.segmentation_loss import WEIGHT_THAT_ONLY_REACHES_PARAMETERS, deep_supervision_weights
from nnunetv2.utilities.label_handling.label_handling import LabelManager


def output_weights(scales: Sequence[Sequence[float]] | None, ddp: bool) -> tuple[float, ...]:
    """Return the weight of the edge loss at each supervised output: those of the segmentation loss."""
    last_weight = WEIGHT_THAT_ONLY_REACHES_PARAMETERS if ddp else 0.0
    return (1.0,) if scales is None else deep_supervision_weights(len(scales), last_weight)
