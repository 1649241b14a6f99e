"""Planners for U-Nets with a residual encoder in three sizes: 8, 24 and 40 GB of GPU memory."""

import warnings

from nnunetv2.experiment_planning.experiment_planners.resencUNet_planner import ResEncUNetPlanner
from nnunetv2.utilities.late_names import late_names

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.experiment_planning.experiment_planners.default_experiment_planner": ("ExperimentPlanner",),
        "nnunetv2.experiment_planning.experiment_planners.network_topology": ("get_pool_and_conv_props",),
    },
)


class _Preset(ResEncUNetPlanner):
    """A planner for a given amount of GPU memory; one batch may cover the whole dataset."""

    def _set_preset(self, memory_gb: float, reference_3d: float, reference_2d: float) -> None:
        """Set the reference values for memory; warn if the plans are for another amount of memory."""
        if self.UNet_vram_target_GB != memory_gb:
            warnings.warn(
                f"{type(self).__name__} is made for {memory_gb} GB, but plans for {self.UNet_vram_target_GB} GB. "
                "Give the plans a name of their own (-overwrite_plans_name).",
                stacklevel=3,
            )
        self.UNet_reference_val_corresp_GB = memory_gb
        self.UNet_reference_val_3d = reference_3d
        self.UNet_reference_val_2d = reference_2d
        self.max_dataset_covered = 1


class nnUNetPlannerResEncM(_Preset):
    """Residual encoder for 8 GB."""

    def __init__(
        self,
        dataset_name_or_id: str | int,
        gpu_memory_target_in_gb: float = 8,
        preprocessor_name: str = "DefaultPreprocessor",
        plans_name: str = "nnUNetResEncUNetMPlans",
        overwrite_target_spacing: list[float] | tuple[float, ...] | None = None,
        suppress_transpose: bool = False,
    ):
        super().__init__(
            dataset_name_or_id,
            gpu_memory_target_in_gb,
            preprocessor_name,
            plans_name,
            overwrite_target_spacing,
            suppress_transpose,
        )
        self._set_preset(8, 680_000_000, 135_000_000)


class nnUNetPlannerResEncL(_Preset):
    """Residual encoder for 24 GB."""

    def __init__(
        self,
        dataset_name_or_id: str | int,
        gpu_memory_target_in_gb: float = 24,
        preprocessor_name: str = "DefaultPreprocessor",
        plans_name: str = "nnUNetResEncUNetLPlans",
        overwrite_target_spacing: list[float] | tuple[float, ...] | None = None,
        suppress_transpose: bool = False,
    ):
        super().__init__(
            dataset_name_or_id,
            gpu_memory_target_in_gb,
            preprocessor_name,
            plans_name,
            overwrite_target_spacing,
            suppress_transpose,
        )
        self._set_preset(24, 2_100_000_000, 380_000_000)


class nnUNetPlannerResEncXL(_Preset):
    """Residual encoder for 40 GB."""

    def __init__(
        self,
        dataset_name_or_id: str | int,
        gpu_memory_target_in_gb: float = 40,
        preprocessor_name: str = "DefaultPreprocessor",
        plans_name: str = "nnUNetResEncUNetXLPlans",
        overwrite_target_spacing: list[float] | tuple[float, ...] | None = None,
        suppress_transpose: bool = False,
    ):
        super().__init__(
            dataset_name_or_id,
            gpu_memory_target_in_gb,
            preprocessor_name,
            plans_name,
            overwrite_target_spacing,
            suppress_transpose,
        )
        self._set_preset(40, 3_600_000_000, 560_000_000)
