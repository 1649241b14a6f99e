"""The planner for U-Nets with a residual encoder, for the GPU memory of the default planner."""

import logging
from typing import Any, ClassVar

from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.experiment_planning.experiment_planners.memory_estimate import RESIDUAL_UNET
from nnunetv2.foundation.late_names import late_names

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__, {"nnunetv2.experiment_planning.experiment_planners.network_topology": ("get_pool_and_conv_props",)}
)

_DEFAULT_DATA = {"2d": "nnUNetPlans_2d", "3d_fullres": "nnUNetPlans_3d_fullres"}
"""Configuration -> folder of the default planner's preprocessed data."""
_log = logging.getLogger(__name__)


class ResEncUNetPlanner(ExperimentPlanner):
    """Plans a U-Net with a residual encoder."""

    encoder_counts_key: ClassVar[str] = "n_blocks_per_stage"
    shares_default_data: ClassVar[bool] = True
    """Whether `2d` and `3d_fullres` use the preprocessed data of the default planner; False if theirs differ."""

    usual_plans_name = "nnUNetResEncUNetPlans"

    def _set_network_defaults(self) -> None:
        super()._set_network_defaults()
        self.UNet_class = RESIDUAL_UNET
        self.UNet_reference_val_3d = 680_000_000
        self.UNet_reference_val_2d = 135_000_000
        self.UNet_blocks_per_stage_encoder = (1, 3, 4, *(6,) * 10)
        self.UNet_blocks_per_stage_decoder = (1,) * 12

    def plan_experiment(self) -> dict[str, Any]:
        """Plan as the base class does; warn if the target spacing was overwritten but the data are shared."""
        shared = [folder for name, folder in _DEFAULT_DATA.items() if self.generate_data_identifier(name) == folder]
        if self.overwrite_target_spacing is not None and shared:
            _log.warning(
                "These plans share the preprocessed folders %s with the default plans, but have a target spacing of "
                "their own (%s). Preprocess this dataset with these plans only; otherwise trainings use data of the "
                "wrong spacing.",
                " and ".join(shared),
                list(self.overwrite_target_spacing),
            )
        return super().plan_experiment()

    def generate_data_identifier(self, configuration_name: str) -> str:
        """Return the name of the folder with the preprocessed data, see `shares_default_data`."""
        if self.shares_default_data and configuration_name in _DEFAULT_DATA:
            return _DEFAULT_DATA[configuration_name]
        return super().generate_data_identifier(configuration_name)

    def _is_too_large(self, estimate: int, dims: int) -> bool:
        """Tell whether a patch has to shrink: until the reference batch size fits, not just the smallest one."""
        return estimate > self._memory_reference(dims)[0]
