"""Stock training with wider geometry: scanners differ in magnification (docs/ablation.md)."""

from typing import Any

from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform

from nnunetv2.training.data_augmentation.default_pipeline import initial_patch_size
from nnunetv2.training.nnUNetTrainer.variants.domains.data_balance import nnUNetTrainerNoDomains
from nnunetv2.training.nnUNetTrainer.variants.domains.intensity import nnUNetTrainerStainTransferJitter

SCALES = (0.5, 2.0)


class WidensGeometry:
    """Scales every second patch by 0.5 to 2, and rotates every second one."""

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> tuple[Any, bool, Any, Any]:
        """Return the settings of the base, with a patch to cut that is large enough for the smallest scale."""
        settings = super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()  # type: ignore[misc]
        rotation, dummy_2d, _, axes = settings
        patch_size = self.configuration_manager.patch_size  # type: ignore[attr-defined]
        return rotation, dummy_2d, initial_patch_size(patch_size, rotation, dummy_2d, SCALES), axes

    @classmethod
    def get_training_transforms(cls, *args: Any, **options: Any) -> BasicTransform:
        """Return the trainer's augmentation with wider scales; the arguments are those of nnUNetTrainer's."""
        pipeline = super().get_training_transforms(*args, **options)  # type: ignore[misc]
        for step in pipeline.transforms:
            if isinstance(step, SpatialTransform):
                step.scaling, step.p_scaling, step.p_rotation = SCALES, 0.5, 0.5
        return pipeline


class nnUNetTrainerWideGeometry(WidensGeometry, nnUNetTrainerNoDomains):
    """Stock training with wider scales and rotations."""


class nnUNetTrainerStainTransferJitterWideGeometry(WidensGeometry, nnUNetTrainerStainTransferJitter):
    """Varies the stain as nnUNetTrainerStainTransferJitter, and the geometry as nnUNetTrainerWideGeometry."""
