"""Mirroring along no axes, or along the first two only, in training and inference."""

from typing import Any

from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform

# Other people's code looks for these names here, where nnU-Net imports them.
from nnunetv2.training.data_augmentation.transform_classes import *  # noqa: F403
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.training.nnUNetTrainer.variants.data_augmentation.nnUNetTrainerDAOrd0 import nnUNetTrainer_DASegOrd0


class nnUNetTrainerNoMirroring(nnUNetTrainer):
    """Trains and predicts without mirroring."""

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> tuple[Any, bool, Any, None]:
        """Return the settings of the base without mirror axes."""
        rotation, dummy_2d, initial_size, _ = super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        self.inference_allowed_mirroring_axes = None
        return rotation, dummy_2d, initial_size, None


class nnUNetTrainer_onlyMirror01(nnUNetTrainer):
    """Mirrors along the first two axes in 3D, along the first in 2D."""

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> tuple[Any, bool, Any, tuple[int, ...]]:
        """Return the settings of the base with fewer mirror axes."""
        rotation, dummy_2d, initial_size, _ = super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        axes = tuple(range(len(self.configuration_manager.patch_size) - 1))
        self.inference_allowed_mirroring_axes = axes
        return rotation, dummy_2d, initial_size, axes


class nnUNetTrainer_onlyMirror01_1500ep(nnUNetTrainer_onlyMirror01):
    """Mirrors along the first two axes and trains for 1500 epochs."""

    num_epochs = 1500


class nnUNetTrainer_onlyMirror01_DASegOrd0(nnUNetTrainer_onlyMirror01):
    """Mirrors along the first two axes and resamples the segmentation by nearest neighbour."""

    @staticmethod
    def get_training_transforms(*args: Any, **options: Any) -> BasicTransform:
        """Return the pipeline of nnUNetTrainer_DASegOrd0."""
        return nnUNetTrainer_DASegOrd0.get_training_transforms(*args, **options)
