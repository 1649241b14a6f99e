"""The default augmentation at a fraction of its CPU time."""

from typing import Any

from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform

from nnunetv2.training.data_augmentation.fast_pipeline import fast_training_pipeline
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class nnUNetTrainerFastDA(nnUNetTrainer):
    """Augments with the default's distributions, but other random numbers, and cuts no larger patch than it needs."""

    @staticmethod
    def get_training_transforms(*args: Any, **options: Any) -> BasicTransform:
        """Return the augmentation as a ComposeTransforms; the arguments are those of the base."""
        return fast_training_pipeline(*args, **options)
