"""Lets `build_network_architecture` of the base trainer be called as in any nnU-Net since 2.1.

A   until 2.2.1    plans_manager, dataset_json, configuration_manager, num_input_channels, enable_deep_supervision
B   2.3.1 - 2.6.4  arch_class_name, arch_init_kwargs, arch_init_kwargs_req_import, num_input_channels,
                   num_output_channels, enable_deep_supervision
C   since 2.7      plans_manager, configuration_manager, num_input_channels, num_output_channels,
                   enable_deep_supervision
"""

import functools
from collections.abc import Callable
from typing import Any

from torch import nn

from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager

Builder = Callable[..., nn.Module]


def accepts_older_forms(builder: Builder) -> Builder:
    """Let a builder of form C also be called in form B (a class name comes first) and in form A (a dict second)."""

    @functools.wraps(builder)
    def build(*args: Any, **kwargs: Any) -> nn.Module:
        if "arch_class_name" in kwargs or (args and isinstance(args[0], str)):
            return _build_from_class_name(*args, **kwargs)
        if "dataset_json" in kwargs or (len(args) > 1 and isinstance(args[1], dict)):
            return builder(*_as_form_c(*args, **kwargs))
        return builder(*args, **kwargs)

    return build


def _build_from_class_name(
    arch_class_name: str,
    arch_init_kwargs: dict[str, Any],
    arch_init_kwargs_req_import: list[str],
    num_input_channels: int,
    num_output_channels: int,
    enable_deep_supervision: bool = True,
) -> nn.Module:
    return get_network_from_plans(
        arch_class_name,
        arch_init_kwargs,
        arch_init_kwargs_req_import,
        num_input_channels,
        num_output_channels,
        allow_init=True,
        deep_supervision=enable_deep_supervision,
    )


def _as_form_c(
    plans_manager: PlansManager,
    dataset_json: dict[str, Any],
    configuration_manager: ConfigurationManager,
    num_input_channels: int,
    enable_deep_supervision: bool = True,
) -> tuple[Any, ...]:
    num_output_channels = plans_manager.get_label_manager(dataset_json).num_segmentation_heads
    return plans_manager, configuration_manager, num_input_channels, num_output_channels, enable_deep_supervision
