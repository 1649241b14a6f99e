"""The forms that `build_network_architecture` of a trainer has had since nnU-Net 2.1.

Trainers of any form are called here, and the base trainer accepts calls in any form.

A   until 2.2.1    plans_manager, dataset_json, configuration_manager, num_input_channels, enable_deep_supervision
B   2.3.1 - 2.6.4  arch_class_name, arch_init_kwargs, arch_init_kwargs_req_import, num_input_channels,
                   num_output_channels, enable_deep_supervision
C   since 2.7      plans_manager, configuration_manager, num_input_channels, num_output_channels,
                   enable_deep_supervision
"""

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

from torch import nn

from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.plans_handling.model_description import ModelDescription
from nnunetv2.utilities.plans_handling.plans_entries import named_by
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


def build_network(
    trainer: Any, model: ModelDescription, num_input_channels: int, enable_deep_supervision: bool
) -> nn.Module:
    """Call `build_network_architecture` of a trainer (class or object) with the arguments its signature requires.

    Accepted are the forms C, B and A; the older two with a DeprecationWarning.
    """
    build: Builder = trainer.build_network_architecture
    parameters = inspect.signature(build).parameters
    kinds = {entry.kind for entry in parameters.values()}
    plans, configuration = model.plans, model.configuration
    channels = (num_input_channels, model.labels.num_segmentation_heads)
    if "dataset_json" in parameters:
        _warn_about_old_signature(trainer)
        described: tuple[Any, ...] = (plans, model.dataset_json, configuration, num_input_channels)
    elif "plans_manager" in parameters or inspect.Parameter.VAR_POSITIONAL in kinds:
        described = (plans, configuration, *channels)
    else:
        _warn_about_old_signature(trainer)
        arguments = (configuration.network_arch_init_kwargs, configuration.network_arch_init_kwargs_req_import)
        described = (configuration.network_arch_class_name, *arguments, *channels)
    with named_by(configuration):
        if "enable_deep_supervision" in parameters or inspect.Parameter.VAR_KEYWORD in kinds:
            return build(*described, enable_deep_supervision=enable_deep_supervision)
        return build(*described, enable_deep_supervision)


def _warn_about_old_signature(trainer: Any) -> None:
    name = trainer.__name__ if isinstance(trainer, type) else type(trainer).__name__
    warnings.warn(
        f"{name}.build_network_architecture has the signature of an earlier nnU-Net; change it to (plans_manager, "
        "configuration_manager, num_input_channels, num_output_channels, enable_deep_supervision)",
        DeprecationWarning,
        stacklevel=3,
    )
