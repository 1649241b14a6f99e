"""Planners with resampling by torch: linear, faster than the default, and with slightly different results."""

from collections.abc import Callable
from typing import Any, ClassVar

from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.experiment_planning.experiment_planners.residual_unets.residual_encoder_unet_planners import (
    nnUNetPlannerResEncL,
)
from nnunetv2.foundation.late_names import late_names

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.configuration": ("ANISO_THRESHOLD",),
        "nnunetv2.preprocessing.resampling.resample_torch": ("resample_torch_fornnunet",),
    },
)


def torch_resampling() -> Callable[..., Any]:
    """Return the resampling function; imported late because it imports torch."""
    from nnunetv2.preprocessing.resampling.resample_torch import resample_torch_fornnunet

    return resample_torch_fornnunet


def _together(is_seg: bool) -> dict[str, Any]:
    """Return keywords that resample all axes together, however coarse one of them is."""
    return {"is_seg": is_seg, "force_separate_z": False, "memefficient_seg_resampling": False}


def _separate_z(is_seg: bool) -> dict[str, Any]:
    """Return keywords that resample a coarse axis separately, by nearest neighbour."""
    return {
        "is_seg": is_seg,
        "force_separate_z": None,
        "memefficient_seg_resampling": False,
        "separate_z_anisotropy_threshold": 3,
    }


class _ResampledByTorch:
    """Shared by the planners below; a base class before the planner that they vary."""

    shares_default_data: ClassVar[bool] = False
    resampling_keywords: Callable[[bool], dict[str, Any]] = staticmethod(_together)
    """Returns the keywords of the resampling function; its argument is true for segmentations."""

    def determine_resampling(self, *args: Any, **kwargs: Any) -> tuple[Any, dict[str, Any], Any, dict[str, Any]]:
        """Return function and keywords for resampling images, then for segmentations."""
        keywords = self.resampling_keywords
        return torch_resampling(), keywords(False), torch_resampling(), keywords(True)

    def determine_segmentation_softmax_export_fn(self, *args: Any, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Return the same for the network's output."""
        return torch_resampling(), self.resampling_keywords(False)


class nnUNetPlanner_torchres(_ResampledByTorch, ExperimentPlanner):
    """The default planner with resampling by torch."""

    usual_plans_name = "nnUNetPlans_torchres"


class nnUNetPlannerResEncL_torchres(_ResampledByTorch, nnUNetPlannerResEncL):
    """The planner for 24 GB with resampling by torch."""

    usual_plans_name = "nnUNetResEncUNetLPlans_torchres"
    usual_memory_gb = 24


class nnUNetPlannerResEncL_torchres_sepz(_ResampledByTorch, nnUNetPlannerResEncL):
    """The planner for 24 GB with resampling by torch, a coarse axis separately."""

    usual_plans_name = "nnUNetResEncUNetLPlans_torchres_sepz"
    usual_memory_gb = 24

    resampling_keywords = staticmethod(_separate_z)
