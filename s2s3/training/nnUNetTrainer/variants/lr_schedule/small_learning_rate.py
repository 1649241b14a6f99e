"""Training with a tenth of the learning rate."""

from nnunetv2.training.nnUNetTrainer.variants.domains.data_balance import nnUNetTrainerNoDomains
from nnunetv2.training.nnUNetTrainer.variants.domains.joint_balancing import nnUNetTrainerJointBalancing


class nnUNetTrainerJointBalancingLR1e3(nnUNetTrainerJointBalancing):
    """Joint balancing that starts with a learning rate of 0.001 instead of 0.01."""

    initial_lr = 1e-3


class nnUNetTrainerNoDomainsLR1e3(nnUNetTrainerNoDomains):
    """Starts with a learning rate of 0.001, without anything that depends on domains."""

    initial_lr = 1e-3
