"""Augmentation in 3D also for anisotropic patches."""

from typing import Any

from nnunetv2.foundation.late_names import late_names
from nnunetv2.training.data_augmentation.default_pipeline import initial_patch_size, symmetric_rotation
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__, {"nnunetv2.training.data_augmentation.compute_initial_patch_size": ("get_patch_size",)}
)


class nnUNetTrainer_noDummy2DDA(nnUNetTrainer):
    """Never augments slice by slice: 3D patches are rotated by up to 30 degrees about each axis."""

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> tuple[Any, bool, Any, Any]:
        """Return the settings of the base; in 3D, those of isotropic patches."""
        settings: tuple[Any, ...] = super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        rotation, _, initial_size, axes = settings
        patch_size = self.configuration_manager.patch_size
        if len(patch_size) == 3:
            rotation = symmetric_rotation(30)
            initial_size = initial_patch_size(patch_size, rotation, dummy_2d=False)
        return rotation, False, initial_size, axes
