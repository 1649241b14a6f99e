"""Boundary learning in a training: the edge branch of its network, and the loss that a step reports."""

from torch import nn

from nnunetv2.boundary.boundary_loss import BoundaryLossSettings
from nnunetv2.boundary.edge_branch import EdgeBranch, NoEdgeBranch
from nnunetv2.utilities.label_handling.label_handling import LabelManager


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
