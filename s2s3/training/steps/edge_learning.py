"""Boundary learning in a training: the edge branch of its network, and the loss that a step reports."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from nnunetv2.boundary.boundary_loss import BoundaryLossSettings
from nnunetv2.boundary.edge_agreement import best_f1
from nnunetv2.boundary.edge_branch import EdgeBranch, NoEdgeBranch
from nnunetv2.utilities.label_handling.label_handling import LabelManager

FloatArray = npt.NDArray[np.float64]


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
        dims,
        settings,
        classes,
        ignore_label=labels.ignore_label,
        has_regions=labels.has_regions,
    )


def edge_output(branch: EdgeBranch | NoEdgeBranch) -> dict[str, float]:
    """Return L_edge of the last step as {"edge_loss": value}; empty without edge heads."""
    loss = branch.edge_loss
    return {} if loss is None else {"edge_loss": loss}


def agreement_output(
    branch: EdgeBranch | NoEdgeBranch, network: nn.Module, target: Tensor | Sequence[Tensor]
) -> dict[str, FloatArray]:
    """Return {"edge_agreement": (T, 4)} of a validation step, see EdgeBranch.agreement; empty without edge maps."""
    counts = branch.agreement(network, target)
    return {} if counts is None else {"edge_agreement": counts.double().cpu().numpy()}


def edge_f1(by_rank: Sequence[Any]) -> float:
    """Return the boundary F1 of the edge maps of all validation steps, see `best_f1`; NaN without any.

    Parameters:
        by_rank: for each rank the outputs of its steps (n, T, 4), or an empty list.
    """
    counts = [np.sum(steps, axis=0) for steps in by_rank if len(steps)]
    return best_f1(np.sum(counts, axis=0)) if counts else math.nan


def report_idle_heads(branch: EdgeBranch | NoEdgeBranch, report: Callable[[str], None]) -> None:
    """Report edge heads whose loss no training step has added so far."""
    if isinstance(branch, EdgeBranch) and branch.edge_loss is None:
        report(
            "WARNING: the boundary loss is not part of this training: train_step does not call "
            "self.edge_branch.add_loss. Call it, or set use_edge_heads = False"
        )
