"""A planner that keeps the colours of 8-bit RGB images as they are."""

from nnunetv2.errors import SettingsError
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner

_RGB_CHANNELS = 3


class nnUNetPlannerFixedRange(ExperimentPlanner):
    """Plans as the default planner, but divides all images by 255 instead of taking z-scores of each.

    An almost empty image then stays almost empty, and differences of colour between laboratories stay too. The
    normalisation is nnU-Net's own, so the models run in any nnU-Net v2.
    """

    def __init__(
        self,
        dataset_name_or_id: str | int,
        gpu_memory_target_in_gb: float = 8,
        preprocessor_name: str = "DefaultPreprocessor",
        plans_name: str = "nnUNetPlansFixedRange",
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

    def determine_normalization_scheme_and_whether_mask_is_used_for_norm(self) -> tuple[list[str], list[bool]]:
        """Return division by 255 for the three channels. Raises SettingsError for images that are not RGB."""
        schemes, _ = super().determine_normalization_scheme_and_whether_mask_is_used_for_norm()
        if len(schemes) != _RGB_CHANNELS:
            raise SettingsError(
                f"nnUNetPlannerFixedRange is for RGB images, this dataset has {len(schemes)} channel(s)"
            )
        return ["RGBTo01Normalization"] * _RGB_CHANNELS, [False] * _RGB_CHANNELS
