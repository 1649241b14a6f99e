"""Training without augmentation."""

from collections.abc import Sequence
from typing import Any

from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform

from nnunetv2.training.data_augmentation.default_pipeline import validation_pipeline
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class nnUNetTrainerNoDA(nnUNetTrainer):
    """Trains on unchanged patches."""

    @staticmethod
    def get_training_transforms(
        patch_size: Sequence[int],
        rotation_for_DA: Any,
        deep_supervision_scales: Sequence[Sequence[float]] | None,
        mirror_axes: Sequence[int] | None,
        do_dummy_2d_data_aug: bool,
        use_mask_for_norm: Sequence[bool] | None = None,
        is_cascaded: bool = False,
        foreground_labels: Sequence[int] | None = None,
        regions: Sequence[Any] | None = None,
        ignore_label: int | None = None,
        **of_older_forms: Any,
    ) -> BasicTransform:
        """Return the transforms of validation patches."""
        return validation_pipeline(deep_supervision_scales, is_cascaded, foreground_labels, regions, ignore_label)

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> tuple[Any, bool, Any, None]:
        """Return the settings of the base, but patches of the final size and no mirror axes."""
        rotation, dummy_2d, _, _ = super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        self.inference_allowed_mirroring_axes = None
        return rotation, dummy_2d, self.configuration_manager.patch_size, None
