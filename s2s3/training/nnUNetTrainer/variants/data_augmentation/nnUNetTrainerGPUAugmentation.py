"""The default augmentation on the training device, a whole batch at a time."""

from typing import Any

from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform

from nnunetv2.training.data_augmentation.deferred import AugmentedBatches, deferring_pipeline
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class nnUNetTrainerGPUAugmentation(nnUNetTrainer):
    """Augments on the training device, with the default's distributions; loader processes only read and cut."""

    @staticmethod
    def get_training_transforms(*args: Any, **options: Any) -> BasicTransform:
        """Return the transforms of the loader as a ComposeTransforms; the arguments are those of the base."""
        return deferring_pipeline(*args, **options)

    def get_dataloaders(self) -> tuple[Any, Any]:
        """Return iterators over training batches, augmented when they are taken, and validation batches."""
        train, val = super().get_dataloaders()
        return AugmentedBatches(train, self.device), val
