"""A planner that leaves images at their own spacing."""

from typing import Any, ClassVar

from nnunetv2.experiment_planning.experiment_planners.residual_unets.residual_encoder_unet_planners import (
    nnUNetPlannerResEncL,
)
from nnunetv2.preprocessing.resampling.no_resampling import no_resampling_hack


class nnUNetPlannerResEncL_noResampling(nnUNetPlannerResEncL):
    """The planner for 24 GB without any resampling."""

    shares_default_data: ClassVar[bool] = False

    usual_plans_name = "nnUNetResEncUNetLPlans_noResampling"
    usual_memory_gb = 24

    def determine_resampling(self, *args: Any, **kwargs: Any) -> tuple[Any, dict[str, Any], Any, dict[str, Any]]:
        """Return function and keywords for resampling images, then for segmentations."""
        return no_resampling_hack, {}, no_resampling_hack, {}

    def determine_segmentation_softmax_export_fn(self, *args: Any, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Return the same for the network's output."""
        return no_resampling_hack, {}
