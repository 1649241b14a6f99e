"""nnU-Net's default augmentation at a fraction of its CPU time, with the same distributions (docs/training.md)."""

from typing import Any

from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms

from nnunetv2.training.data_augmentation.batched.batch_augmentation import default_augmentation
from nnunetv2.training.data_augmentation.early_draws import AugmentsSample


def fast_training_pipeline(*args: Any, **options: Any) -> ComposeTransforms:
    """Build the fast training pipeline; the arguments are those of nnUNetTrainer.get_training_transforms."""
    return ComposeTransforms([AugmentsSample(default_augmentation(*args, **options))])
