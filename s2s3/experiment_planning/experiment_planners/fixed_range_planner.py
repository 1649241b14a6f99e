"""Planners that normalise RGB images to a range instead of taking z-scores; both schemes are nnU-Net's own.

So the models run in any nnU-Net v2.
"""

from typing import ClassVar

from nnunetv2.errors import SettingsError
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner

_RGB_CHANNELS = 3


class nnUNetPlannerFixedRange(ExperimentPlanner):
    """Plans as the default planner, but divides all images by 255.

    An almost empty image then stays almost empty, and differences of colour between laboratories stay too.
    """

    normalization_scheme: ClassVar[str] = "RGBTo01Normalization"
    usual_plans_name: ClassVar[str] = "nnUNetPlansFixedRange"

    def determine_normalization_scheme_and_whether_mask_is_used_for_norm(self) -> tuple[list[str], list[bool]]:
        """Return the scheme for the three channels. Raises SettingsError for images that are not RGB."""
        schemes, _ = super().determine_normalization_scheme_and_whether_mask_is_used_for_norm()
        if len(schemes) != _RGB_CHANNELS:
            raise SettingsError(f"{type(self).__name__} is for RGB images, this dataset has {len(schemes)} channel(s)")
        return [self.normalization_scheme] * _RGB_CHANNELS, [False] * _RGB_CHANNELS


class nnUNetPlannerImageRange(nnUNetPlannerFixedRange):
    """Plans as the default planner, but moves the range of each channel of each image to 0..1.

    An almost empty image with a dark and a bright pixel stays almost empty; casts of colour are taken away in part.
    """

    normalization_scheme = "RescaleTo01Normalization"
    usual_plans_name = "nnUNetPlansImageRange"
