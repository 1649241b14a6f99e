"""Augmentation with nearest-neighbour resampling of the segmentation."""

from typing import Any

from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform

from nnunetv2.training.data_augmentation.default_pipeline import training_pipeline

# Other people's code looks for these names here, where nnU-Net imports them.
from nnunetv2.training.data_augmentation.transform_classes import *  # noqa: F403
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class nnUNetTrainer_DASegOrd0(nnUNetTrainer):
    """Resamples the segmentation by nearest neighbour; disturbs every label of a previous stage."""

    @staticmethod
    def get_training_transforms(*args: Any, **options: Any) -> BasicTransform:
        """Return the augmentation as a ComposeTransforms; the arguments are those of the base."""
        return training_pipeline(*args, **options, mode_seg="nearest", p_cascade_label=1)


class nnUNetTrainer_DASegOrd0_NoMirroring(nnUNetTrainer_DASegOrd0):
    """Resamples the segmentation by nearest neighbour, without mirroring."""

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> tuple[Any, bool, Any, None]:
        """Return the settings of the base without mirror axes."""
        rotation, dummy_2d, initial_size, _ = super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        self.inference_allowed_mirroring_axes = None
        return rotation, dummy_2d, initial_size, None
