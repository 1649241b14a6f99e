"""Boundary learning in a training: the edge branch of its network, and the loss that a step reports."""

from collections.abc import Sequence

from torch import nn

from nnunetv2.boundary.boundary_loss import BoundaryLossSettings
from nnunetv2.boundary.edge_branch import EdgeBranch, NoEdgeBranch
from nnunetv2.training.loss.segmentation_loss import WEIGHT_THAT_ONLY_REACHES_PARAMETERS, deep_supervision_weights
from nnunetv2.utilities.label_handling.label_handling import LabelManager


def output_weights(scales: Sequence[Sequence[float]] | None, ddp: bool) -> tuple[float, ...]:
    """Return the weight of the edge loss at each supervised output: those of the segmentation loss."""
    last_weight = WEIGHT_THAT_ONLY_REACHES_PARAMETERS if ddp else 0.0
    return (1.0,) if scales is None else deep_supervision_weights(len(scales), last_weight)


def build_edge_branch(
    network: nn.Module, num_scales: int, dims: int, labels: LabelManager, settings: BoundaryLossSettings
) -> EdgeBranch:
    """Return a branch with a head for each supervised output of the plain network and each foreground class or region.

    Raises SettingsError if the network has no decoder stages to take features from.
    """
    classes = labels.foreground_regions if labels.has_regions else labels.foreground_labels
    return EdgeBranch.build(
        network,
        num_scales,
        len(classes),
        dims,
        settings,
        classes,
        ignore_label=labels.ignore_label,
        has_regions=labels.has_regions,
    )


def edge_output(branch: EdgeBranch | NoEdgeBranch) -> dict[str, float]:
    """Return L_edge of the last step as {"edge_loss": value}; empty without edge heads."""
    terms = branch.loss_terms
    return {"edge_loss": terms["edge"]} if "edge" in terms else {}
