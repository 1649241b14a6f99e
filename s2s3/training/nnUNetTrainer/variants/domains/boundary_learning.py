"""Training on several domains with boundary learning changed or a part of it left out (method, section 2.2)."""

from nnunetv2.boundary.boundary_loss import BoundaryLossSettings
from nnunetv2.training.nnUNetTrainer.variants.domains.data_balance import nnUNetTrainerNoDomains
from nnunetv2.training.nnUNetTrainer.variants.domains.joint_balancing import nnUNetTrainerJointBalancing


class nnUNetTrainerNoEdgeHeads(nnUNetTrainerJointBalancing):
    """Does not learn boundaries; the Dice leaves out the background, as in nnU-Net."""

    use_edge_heads = False


class nnUNetTrainerNoInverseLoss(nnUNetTrainerJointBalancing):
    """Learns boundaries without the inverse-transform term."""

    boundary_loss_settings = BoundaryLossSettings(inverse_weight=0)


class nnUNetTrainerNoFieldLoss(nnUNetTrainerJointBalancing):
    """Learns boundaries without the influence-field term."""

    boundary_loss_settings = BoundaryLossSettings(field_weight=0)


class nnUNetTrainerNoSkeletonLoss(nnUNetTrainerJointBalancing):
    """Learns boundaries without the skeleton term."""

    boundary_loss_settings = BoundaryLossSettings(skeleton_weight=0)


class nnUNetTrainerEdgeCrossEntropy(nnUNetTrainerJointBalancing):
    """Learns the edge maps by binary cross entropy, with the weight of the three published terms together."""

    boundary_loss_settings = BoundaryLossSettings(
        inverse_weight=0, field_weight=0, skeleton_weight=0, cross_entropy_weight=0.7
    )


class nnUNetTrainerSmallEdgeWeight(nnUNetTrainerJointBalancing):
    """Weights L_edge by 0.05 instead of 0.2."""

    boundary_loss_settings = BoundaryLossSettings(edge_weight=0.05)


class nnUNetTrainerLargeEdgeWeight(nnUNetTrainerJointBalancing):
    """Weights L_edge by 0.5 instead of 0.2."""

    boundary_loss_settings = BoundaryLossSettings(edge_weight=0.5)


class nnUNetTrainerForegroundDice(nnUNetTrainerJointBalancing):
    """Learns boundaries with a Dice that leaves out the background, as in nnU-Net."""

    dice_of_background = False


class nnUNetTrainerNoDomainsBackgroundDice(nnUNetTrainerNoDomains):
    """Stock nnU-Net with the background in the Dice."""

    dice_of_background = True
