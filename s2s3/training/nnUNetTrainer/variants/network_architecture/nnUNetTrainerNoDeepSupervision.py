"""Training the full resolution only."""

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class nnUNetTrainerNoDeepSupervision(nnUNetTrainer):
    """Trains without deep supervision."""

    enable_deep_supervision = False
