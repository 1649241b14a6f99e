"""Training on several domains with one part of the data balance changed or left out (method, sections 2.1 and 3)."""

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.training.nnUNetTrainer.variants.domains.joint_balancing import nnUNetTrainerJointBalancing


class nnUNetTrainerNoBatchBalance(nnUNetTrainerJointBalancing):
    """Draws the cases of a batch as nnU-Net does, regardless of their domains."""

    balance_batches = False


class nnUNetTrainerUniformRatios(nnUNetTrainerJointBalancing):
    """Gives every domain the same share of the batches."""

    domain_ratio_mode = "uniform"


class nnUNetTrainerProportionalRatios(nnUNetTrainerJointBalancing):
    """Gives every domain a share of the batches proportional to its number of cases."""

    domain_ratio_mode = "proportional"


class nnUNetTrainerNoBalancedSelection(nnUNetTrainerJointBalancing):
    """Chooses the best checkpoint by the Dice of all validation patches together."""

    select_by_balanced_dice = False


class nnUNetTrainerNoDomains(nnUNetTrainer):
    """Stock nnU-Net, also on several domains."""

    balance_batches = False
    use_edge_heads = False
    select_by_balanced_dice = False
    stratify_splits = False
    batch_norm_on_domains = False


class nnUNetTrainerPlannedNorm(nnUNetTrainer):
    """Folds and selection by domain, with the normalization layers that the plans name."""

    batch_norm_on_domains = False


class nnUNetTrainerBalancedBatches(nnUNetTrainerNoDomains):
    """Stock nnU-Net on batches that are apportioned to the domains."""

    balance_batches = True


class nnUNetTrainerBalancedSelection(nnUNetTrainerNoDomains):
    """Stock nnU-Net whose best checkpoint is chosen by the balanced Dice."""

    select_by_balanced_dice = True


class nnUNetTrainerWorstDomainSelection(nnUNetTrainerNoDomains):
    """Stock nnU-Net whose best checkpoint is chosen by the Dice of the worst domain."""

    select_by_worst_domain = True
