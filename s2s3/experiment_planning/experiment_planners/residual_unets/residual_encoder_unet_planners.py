"""Planners for U-Nets with a residual encoder in three sizes: 8, 24 and 40 GB of GPU memory."""

import warnings

from nnunetv2.experiment_planning.experiment_planners.resencUNet_planner import ResEncUNetPlanner

__all__ = ["ResEncUNetPlanner", "nnUNetPlannerResEncL", "nnUNetPlannerResEncM", "nnUNetPlannerResEncXL"]


def _set_preset(planner: ResEncUNetPlanner, memory_gb: float, reference_3d: float, reference_2d: float) -> None:
    """Scale the memory reference to the preset's; warn where another amount of memory was asked for."""
    if planner.UNet_vram_target_GB != memory_gb:
        warnings.warn(
            f"{type(planner).__name__} is made for {memory_gb} GB, but plans for {planner.UNet_vram_target_GB} GB. "
            "Give the plans a name of their own (-overwrite_plans_name).",
            stacklevel=3,
        )
    planner.UNet_reference_val_corresp_GB = memory_gb
    planner.UNet_reference_val_3d = reference_3d
    planner.UNet_reference_val_2d = reference_2d
    planner.max_dataset_covered = 1


class nnUNetPlannerResEncM(ResEncUNetPlanner):
    """Residual encoder for 8 GB; one batch may cover the whole data set."""

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
        _set_preset(self, 8, 680_000_000, 135_000_000)


class nnUNetPlannerResEncL(ResEncUNetPlanner):
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
        _set_preset(self, 24, 2_100_000_000, 380_000_000)


class nnUNetPlannerResEncXL(ResEncUNetPlanner):
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
        _set_preset(self, 40, 3_600_000_000, 560_000_000)
