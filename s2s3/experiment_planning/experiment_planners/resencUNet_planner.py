"""The planner for U-Nets with a residual encoder at the memory of the default planner."""

import logging
from typing import Any, ClassVar

from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.experiment_planning.experiment_planners.memory_estimate import RESIDUAL_UNET

_log = logging.getLogger(__name__)


class ResEncUNetPlanner(ExperimentPlanner):
    """Plans a U-Net with a residual encoder; shares the preprocessed data of the default planner where it can."""

    encoder_counts_key: ClassVar[str] = "n_blocks_per_stage"

    def __init__(
        self,
        dataset_name_or_id: str | int,
        gpu_memory_target_in_gb: float = 8,
        preprocessor_name: str = "DefaultPreprocessor",
        plans_name: str = "nnUNetResEncUNetPlans",
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
        self.UNet_class = RESIDUAL_UNET
        self.UNet_reference_val_3d = 680_000_000
        self.UNet_reference_val_2d = 135_000_000
        self.UNet_blocks_per_stage_encoder = (1, 3, 4, *(6,) * 10)
        self.UNet_blocks_per_stage_decoder = (1,) * 12

    def plan_experiment(self) -> dict[str, Any]:
        """Plan as the base class does; warn where an overwritten spacing meets data shared with the default plans."""
        shared = self.generate_data_identifier("3d_fullres")
        if self.overwrite_target_spacing is not None and not shared.startswith(self.plans_identifier + "_"):
            _log.warning(
                "These plans share the preprocessed folders nnUNetPlans_2d and nnUNetPlans_3d_fullres with the default "
                "plans, but have a target spacing of their own (%s). Preprocess this data set with these plans only, "
                "or one will train on data of the other's spacing.",
                list(self.overwrite_target_spacing),
            )
        return super().plan_experiment()

    def generate_data_identifier(self, configuration_name: str) -> str:
        """Return the default planner's folder for `2d` and `3d_fullres`, whose data are the same; else an own one."""
        if configuration_name in ("2d", "3d_fullres"):
            return f"nnUNetPlans_{configuration_name}"
        return f"{self.plans_identifier}_{configuration_name}"

    def _is_too_large(self, estimate: int, dims: int) -> bool:
        """Tell whether a patch has to shrink: until the reference batch size fits, not only the smallest one."""
        return estimate > self._memory_reference(dims)[0]
