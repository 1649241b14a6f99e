"""The three generations of `build_network_architecture`, which trainers override and clients call.

    A   until 2.2.1    plans_manager, dataset_json, configuration_manager, num_input_channels, enable_deep_supervision
    B   2.3.1 - 2.6.4  arch_class_name, arch_init_kwargs, arch_init_kwargs_req_import, num_input_channels,
                       num_output_channels, enable_deep_supervision
    C   since 2.7      plans_manager, configuration_manager, num_input_channels, num_output_channels,
                       enable_deep_supervision

An override is called in its own form; the base method, written in form C, is callable in all of them.
"""

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

if TYPE_CHECKING:
    from torch import nn

    from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager

Builder = Callable[..., "nn.Module"]


def call_network_builder(
    builder: Builder,
    plans_manager: "PlansManager",
    configuration_manager: "ConfigurationManager",
    dataset_json: dict[str, Any],
    num_input_channels: int,
    num_output_channels: int,
    enable_deep_supervision: bool,
) -> "nn.Module":
    """Build a network by a trainer's `build_network_architecture`, called in the form its parameters ask for.

    Forms A and B raise a DeprecationWarning. Deep supervision is the last positional argument in training (True or what
    the trainer says) and a keyword, False, in inference; both reach every form the same way.
    """
    names = inspect.signature(builder).parameters
    if "plans_manager" not in names:
        _warn_of_old_form("class name and arguments of the network")
        return builder(
            configuration_manager.network_arch_class_name,
            configuration_manager.network_arch_init_kwargs,
            configuration_manager.network_arch_init_kwargs_req_import,
            num_input_channels,
            num_output_channels,
            enable_deep_supervision,
        )
    if "dataset_json" in names:
        _warn_of_old_form("dataset_json")
        return builder(plans_manager, dataset_json, configuration_manager, num_input_channels, enable_deep_supervision)
    return builder(
        plans_manager, configuration_manager, num_input_channels, num_output_channels, enable_deep_supervision
    )


def _warn_of_old_form(sign: str) -> None:
    warnings.warn(
        f"build_network_architecture takes {sign}, as in an older nnU-Net; the present form is (plans_manager, "
        "configuration_manager, num_input_channels, num_output_channels, enable_deep_supervision)",
        DeprecationWarning,
        stacklevel=3,
    )


def accepts_older_forms(builder: Builder) -> Builder:
    """Let a builder of form C also be called in form B (a class name comes first) and in form A (a dict second)."""

    @functools.wraps(builder)
    def build(*args: Any, **kwargs: Any) -> "nn.Module":
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
) -> "nn.Module":
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
    plans_manager: "PlansManager",
    dataset_json: dict[str, Any],
    configuration_manager: "ConfigurationManager",
    num_input_channels: int,
    enable_deep_supervision: bool = True,
) -> tuple[Any, ...]:
    num_output_channels = plans_manager.get_label_manager(dataset_json).num_segmentation_heads
    return plans_manager, configuration_manager, num_input_channels, num_output_channels, enable_deep_supervision
