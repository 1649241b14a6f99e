"""Planners for U-Nets with a residual encoder in three sizes: 8, 24 and 40 GB of GPU memory."""

import warnings
from typing import ClassVar

from nnunetv2.experiment_planning.experiment_planners.resencUNet_planner import ResEncUNetPlanner
from nnunetv2.foundation.late_names import late_names

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.experiment_planning.experiment_planners.default_experiment_planner": ("ExperimentPlanner",),
        "nnunetv2.experiment_planning.experiment_planners.network_topology": ("get_pool_and_conv_props",),
    },
)


class _Preset(ResEncUNetPlanner):
    """A planner for `usual_memory_gb` of GPU memory; one batch may cover the whole dataset."""

    reference_values: ClassVar[tuple[float, float]]
    """What the memory estimates of a 3D and a 2D network are compared with, at this amount of memory."""

    def _set_network_defaults(self) -> None:
        """Set the reference values as well; warn if the plans are for another amount of memory."""
        super()._set_network_defaults()
        if self.UNet_vram_target_GB != self.usual_memory_gb:
            warnings.warn(
                f"{type(self).__name__} is made for {self.usual_memory_gb} GB, but plans for "
                f"{self.UNet_vram_target_GB} GB. Give the plans a name of their own (-overwrite_plans_name).",
                stacklevel=5,
            )
        self.UNet_reference_val_corresp_GB = self.usual_memory_gb
        self.UNet_reference_val_3d, self.UNet_reference_val_2d = self.reference_values
        self.max_dataset_covered = 1


class nnUNetPlannerResEncM(_Preset):
    """Residual encoder for 8 GB."""

    usual_plans_name = "nnUNetResEncUNetMPlans"
    reference_values = (680_000_000, 135_000_000)


class nnUNetPlannerResEncL(_Preset):
    """Residual encoder for 24 GB."""

    usual_plans_name = "nnUNetResEncUNetLPlans"
    usual_memory_gb = 24
    reference_values = (2_100_000_000, 380_000_000)


class nnUNetPlannerResEncXL(_Preset):
    """Residual encoder for 40 GB."""

    usual_plans_name = "nnUNetResEncUNetXLPlans"
    usual_memory_gb = 40
    reference_values = (3_600_000_000, 560_000_000)
