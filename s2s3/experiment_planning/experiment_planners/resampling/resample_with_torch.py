"""Planners whose data are resampled by torch: faster, linear, and not to the last digit the default's."""

from collections.abc import Callable
from typing import Any

from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.experiment_planning.experiment_planners.residual_unets.residual_encoder_unet_planners import (
    nnUNetPlannerResEncL,
)


def torch_resampling() -> Callable[..., Any]:
    """Return the resampling function; imported late, with it comes torch."""
    from nnunetv2.preprocessing.resampling.resample_torch import resample_torch_fornnunet

    return resample_torch_fornnunet


def _together(is_seg: bool) -> dict[str, Any]:
    """All axes at once, however coarse one of them is."""
    return {"is_seg": is_seg, "force_separate_z": False, "memefficient_seg_resampling": False}


def _separate_z(is_seg: bool) -> dict[str, Any]:
    """A coarse axis on its own, by nearest neighbour."""
    return {
        "is_seg": is_seg,
        "force_separate_z": None,
        "memefficient_seg_resampling": False,
        "separate_z_anisotropy_threshold": 3,
    }


class nnUNetPlanner_torchres(ExperimentPlanner):
    """The default planner with resampling by torch."""

    def __init__(
        self,
        dataset_name_or_id: str | int,
        gpu_memory_target_in_gb: float = 8,
        preprocessor_name: str = "DefaultPreprocessor",
        plans_name: str = "nnUNetPlans_torchres",
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

    def determine_resampling(self, *args: Any, **kwargs: Any) -> tuple[Any, dict[str, Any], Any, dict[str, Any]]:
        """Return function and keywords for resampling images, then for segmentations."""
        return torch_resampling(), _together(False), torch_resampling(), _together(True)

    def determine_segmentation_softmax_export_fn(self, *args: Any, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Return the same for the network's output."""
        return torch_resampling(), _together(False)


class nnUNetPlannerResEncL_torchres(nnUNetPlannerResEncL):
    """The planner for 24 GB with resampling by torch."""

    def __init__(
        self,
        dataset_name_or_id: str | int,
        gpu_memory_target_in_gb: float = 24,
        preprocessor_name: str = "DefaultPreprocessor",
        plans_name: str = "nnUNetResEncUNetLPlans_torchres",
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

    def generate_data_identifier(self, configuration_name: str) -> str:
        """Return a folder of its own for each configuration: the data are not those of the default plans."""
        return f"{self.plans_identifier}_{configuration_name}"

    def determine_resampling(self, *args: Any, **kwargs: Any) -> tuple[Any, dict[str, Any], Any, dict[str, Any]]:
        """Return function and keywords for resampling images, then for segmentations."""
        return torch_resampling(), _together(False), torch_resampling(), _together(True)

    def determine_segmentation_softmax_export_fn(self, *args: Any, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Return the same for the network's output."""
        return torch_resampling(), _together(False)


class nnUNetPlannerResEncL_torchres_sepz(nnUNetPlannerResEncL):
    """The planner for 24 GB with resampling by torch, a coarse axis on its own."""

    def __init__(
        self,
        dataset_name_or_id: str | int,
        gpu_memory_target_in_gb: float = 24,
        preprocessor_name: str = "DefaultPreprocessor",
        plans_name: str = "nnUNetResEncUNetLPlans_torchres_sepz",
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

    def generate_data_identifier(self, configuration_name: str) -> str:
        """Return a folder of its own for each configuration: the data are not those of the default plans."""
        return f"{self.plans_identifier}_{configuration_name}"

    def determine_resampling(self, *args: Any, **kwargs: Any) -> tuple[Any, dict[str, Any], Any, dict[str, Any]]:
        """Return function and keywords for resampling images, then for segmentations."""
        return torch_resampling(), _separate_z(False), torch_resampling(), _separate_z(True)

    def determine_segmentation_softmax_export_fn(self, *args: Any, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Return the same for the network's output."""
        return torch_resampling(), _separate_z(False)
