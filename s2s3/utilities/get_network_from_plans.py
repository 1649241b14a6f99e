"""Builds the network that plans describe."""

import functools
import pydoc
import warnings
from collections.abc import Callable, Mapping, Sequence
from os.path import join
from typing import TYPE_CHECKING, Any

from nnunetv2.errors import UnknownNetworkError
from nnunetv2.utilities.find_class_by_name import recursive_find_python_class

if TYPE_CHECKING:
    from torch import nn

    from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager


def _also_takes_managers(build: Callable[..., "nn.Module"]) -> Callable[..., "nn.Module"]:
    """Accept the arguments of nnU-Net 2.2 too: plans manager, dataset.json, configuration manager, input channels."""

    @functools.wraps(build)
    def build_from_either(*args: Any, **kwargs: Any) -> "nn.Module":
        if (args and hasattr(args[0], "get_label_manager")) or "plans_manager" in kwargs:
            return _build_from_managers(*args, **kwargs)
        return build(*args, **kwargs)

    return build_from_either


def _build_from_managers(
    plans_manager: "PlansManager",
    dataset_json: dict[str, Any],
    configuration_manager: "ConfigurationManager",
    num_input_channels: int,
    deep_supervision: bool = True,
) -> "nn.Module":
    return get_network_from_plans(
        configuration_manager.network_arch_class_name,
        configuration_manager.network_arch_init_kwargs,
        configuration_manager.network_arch_init_kwargs_req_import,
        num_input_channels,
        plans_manager.get_label_manager(dataset_json).num_segmentation_heads,
        deep_supervision=deep_supervision,
    )


@_also_takes_managers
def get_network_from_plans(
    arch_class_name: str,
    arch_kwargs: Mapping[str, Any],
    arch_kwargs_req_import: Sequence[str],
    input_channels: int,
    output_channels: int,
    allow_init: bool = True,
    deep_supervision: bool | None = None,
) -> "nn.Module":
    """Build a network and initialise its weights.

    Parameters:
        arch_class_name: dotted name of the class; one that is not there is looked for by its last part in
            `dynamic_network_architectures.architectures`, UnknownNetworkError (an ImportError) if that fails.
        arch_kwargs: arguments of the class besides the channel numbers; left unchanged.
        arch_kwargs_req_import: those arguments that are dotted names of objects; None stays None.
        allow_init: apply the network's own `initialize` to all its modules, if it has one.
        deep_supervision: passed on unless None.
    """
    kwargs = dict(arch_kwargs)
    for key in arch_kwargs_req_import:
        if kwargs[key] is not None:
            kwargs[key] = _import_object(kwargs[key], key)
    if deep_supervision is not None:
        kwargs["deep_supervision"] = deep_supervision
    network_class = _find_network_class(arch_class_name)
    network = network_class(input_channels=input_channels, num_classes=output_channels, **kwargs)
    if allow_init and hasattr(network, "initialize"):
        network.apply(network.initialize)
    return network


def _import_object(dotted_name: str, key: str) -> Any:
    found = pydoc.locate(dotted_name)
    if found is None:
        raise UnknownNetworkError(f"plans: architecture argument {key!r} is {dotted_name!r}, which cannot be imported")
    return found


def _find_network_class(dotted_name: str) -> Any:
    found = pydoc.locate(dotted_name)
    if found is not None:
        return found
    import dynamic_network_architectures

    warnings.warn(
        f"Network class {dotted_name} not found; looking for its name in dynamic_network_architectures", stacklevel=3
    )
    folder = join(dynamic_network_architectures.__path__[0], "architectures")
    found = recursive_find_python_class(
        folder, dotted_name.split(".")[-1], "dynamic_network_architectures.architectures"
    )
    if found is None:
        raise UnknownNetworkError(f"Network class {dotted_name} not found; is the package that defines it installed?")
    return found
