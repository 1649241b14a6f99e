"""Training on several domains without edge heads or one term of their loss (method, section 2.2)."""

from nnunetv2.boundary.boundary_loss import BoundaryLossSettings
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class nnUNetTrainerNoEdgeHeads(nnUNetTrainer):
    """Does not learn boundaries; the Dice leaves out the background, as in nnU-Net."""

    use_edge_heads = False


class nnUNetTrainerNoInverseLoss(nnUNetTrainer):
    """Learns boundaries without the inverse-transform term."""

    boundary_loss_settings = BoundaryLossSettings(inverse_weight=0)


class nnUNetTrainerNoFieldLoss(nnUNetTrainer):
    """Learns boundaries without the influence-field term."""

    boundary_loss_settings = BoundaryLossSettings(field_weight=0)


class nnUNetTrainerNoSkeletonLoss(nnUNetTrainer):
    """Learns boundaries without the skeleton term."""

    boundary_loss_settings = BoundaryLossSettings(skeleton_weight=0)
