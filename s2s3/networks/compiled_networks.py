"""Builds the network of a trainer and loads weights into it."""

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from nnunetv2.configuration import compile_setting
from nnunetv2.errors import CheckpointMismatchError
from nnunetv2.networks.weights import loads_in_its_own_way, weight_differences
from nnunetv2.utilities.plans_handling.model_description import ModelDescription
from nnunetv2.utilities.plans_handling.plans_entries import named_by


def build_network(
    trainer: Any, model: ModelDescription, num_input_channels: int, enable_deep_supervision: bool
) -> nn.Module:
    """Call `build_network_architecture` of a trainer (class or object) with the arguments its signature requires.

    Accepted are the current signature (plans manager first), that of nnU-Net 2.3 to 2.6 (class name first) and that of
    nnU-Net 2.1 and 2.2 (with dataset_json); the older two with a DeprecationWarning.
    """
    build: Callable[..., nn.Module] = trainer.build_network_architecture
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


def check_weights_fit(network: nn.Module, weights: Mapping[str, torch.Tensor], source: object) -> None:
    """Raise a one-line CheckpointMismatchError unless names and shapes of `weights` match the network.

    A network with its own `load_state_dict` judges for itself.
    """
    if loads_in_its_own_way(network):
        return
    problems = weight_differences(network.state_dict(), weights)
    if problems:
        raise CheckpointMismatchError(
            f"{source}: the weights do not match the network described by plans.json: {'; '.join(problems)}"
        )


def load_weights(network: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Load a state dict into a network, compiled or not."""
    getattr(network, "_orig_mod", network).load_state_dict(weights)


def compile_if_asked(network: Any) -> Any:
    """Compile a network if the environment variable nnUNet_compile is true and it is not compiled yet."""
    if not compile_setting():
        return network
    inner = network.module if isinstance(network, nn.parallel.DistributedDataParallel) else network
    return network if hasattr(inner, "_orig_mod") else torch.compile(network)
