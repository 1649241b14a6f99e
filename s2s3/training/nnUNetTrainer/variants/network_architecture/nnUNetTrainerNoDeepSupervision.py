"""Training the full resolution only."""

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.training.nnUNetTrainer.variants.class_settings import ClassSettings


class nnUNetTrainerNoDeepSupervision(ClassSettings, nnUNetTrainer):
    """Trains without deep supervision."""

    enable_deep_supervision = False
