"""Stock training with wider geometry: scanners differ in magnification (docs/ablation.md)."""

from typing import Any

from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform

from nnunetv2.training.data_augmentation.default_pipeline import training_pipeline
from nnunetv2.training.nnUNetTrainer.variants.domains.data_balance import nnUNetTrainerNoDomains


class nnUNetTrainerWideGeometry(nnUNetTrainerNoDomains):
    """Scales every second patch by 0.5 to 2, and rotates every second one."""

    @classmethod
    def get_training_transforms(cls, *args: Any, **options: Any) -> BasicTransform:
        """Return the default augmentation with wider scales; the arguments are those of nnUNetTrainer's."""
        pipeline = training_pipeline(*args, **options)
        for step in pipeline.transforms:
            if isinstance(step, SpatialTransform):
                step.scaling, step.p_scaling, step.p_rotation = (0.5, 2.0), 0.5, 0.5
        return pipeline
