"""Training with the heavy augmentation."""

from typing import Any

from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform

from nnunetv2.foundation.late_names import late_names
from nnunetv2.training.data_augmentation import transform_classes
from nnunetv2.training.data_augmentation.default_pipeline import initial_patch_size
from nnunetv2.training.data_augmentation.heavy_pipeline import (
    SCALE_RANGE_OF_HEAVY_INITIAL_PATCH,
    exponent_of_local_gamma,
    heavy_training_pipeline,
    strength_of_brightness_gradient,
    width_of_local_change,
)
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.configuration": ("ANISO_THRESHOLD",),
        "nnunetv2.training.data_augmentation.compute_initial_patch_size": ("get_patch_size",),
        "nnunetv2.training.data_augmentation.heavy_pipeline": (
            "BlankRectangleTransform",
            "BrightnessAdditiveTransform",
            "BrightnessGradientAdditiveTransform",
            "LocalGammaTransform",
            "MedianFilterTransform",
            "OneOfTransform",
            "Rot90Transform",
            "SharpeningTransform",
            "TransposeAxesTransform",
        ),
        transform_classes.__name__: transform_classes.__all__,
    },
)

# The names under which external trainers import these functions.
_brightnessadditive_localgamma_transform_scale = width_of_local_change
_brightness_gradient_additive_max_strength = strength_of_brightness_gradient
_local_gamma_gamma = exponent_of_local_gamma


class nnUNetTrainerDA5(nnUNetTrainer):
    """Augments heavily."""

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> tuple[Any, bool, Any, Any]:
        """Return the settings of the base with a larger initial patch, since patches are scaled down further."""
        rotation, dummy_2d, _, axes = super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        initial_size = initial_patch_size(
            self.configuration_manager.patch_size, rotation, dummy_2d, SCALE_RANGE_OF_HEAVY_INITIAL_PATCH
        )
        return rotation, dummy_2d, initial_size, axes

    @staticmethod
    def get_training_transforms(*args: Any, **options: Any) -> BasicTransform:
        """Return the augmentation as a ComposeTransforms; the arguments are those of the base."""
        return heavy_training_pipeline(*args, **options)


class nnUNetTrainerDA5ord0(nnUNetTrainerDA5):
    """Augments heavily, with nearest-neighbour resampling of image and segmentation."""

    @staticmethod
    def get_training_transforms(*args: Any, **options: Any) -> BasicTransform:
        """Return the augmentation as a ComposeTransforms; the arguments are those of the base."""
        return heavy_training_pipeline(*args, **options, mode_image="nearest", mode_seg="nearest")


class nnUNetTrainerDA5Segord0(nnUNetTrainerDA5):
    """Augments heavily, with nearest-neighbour resampling of the segmentation."""

    @staticmethod
    def get_training_transforms(*args: Any, **options: Any) -> BasicTransform:
        """Return the augmentation as a ComposeTransforms; the arguments are those of the base."""
        return heavy_training_pipeline(*args, **options, mode_seg="nearest")


class nnUNetTrainerDA5_10epochs(nnUNetTrainerDA5):
    """Augments heavily and trains for 10 epochs."""

    num_epochs = 10
