"""Stock training with wider geometry: scanners differ in magnification (docs/ablation.md)."""

from typing import Any

from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform

from nnunetv2.training.nnUNetTrainer.variants.domains.data_balance import nnUNetTrainerNoDomains
from nnunetv2.training.nnUNetTrainer.variants.domains.intensity import nnUNetTrainerStainTransferJitter


class WidensGeometry:
    """Scales every second patch by 0.5 to 2, and rotates every second one."""

    @classmethod
    def get_training_transforms(cls, *args: Any, **options: Any) -> BasicTransform:
        """Return the trainer's augmentation with wider scales; the arguments are those of nnUNetTrainer's."""
        pipeline = super().get_training_transforms(*args, **options)  # type: ignore[misc]
        for step in pipeline.transforms:
            if isinstance(step, SpatialTransform):
                step.scaling, step.p_scaling, step.p_rotation = (0.5, 2.0), 0.5, 0.5
        return pipeline


class nnUNetTrainerWideGeometry(WidensGeometry, nnUNetTrainerNoDomains):
    """Stock training with wider scales and rotations."""


class nnUNetTrainerStainTransferJitterWideGeometry(WidensGeometry, nnUNetTrainerStainTransferJitter):
    """Varies the stain as nnUNetTrainerStainTransferJitter, and the geometry as nnUNetTrainerWideGeometry."""
