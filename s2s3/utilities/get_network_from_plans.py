"""Builds the network that plans describe."""

import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from os.path import join
from typing import TYPE_CHECKING, Any

from nnunetv2.errors import DriftError, MissingEntryError, SettingsError, UnknownNetworkError
from nnunetv2.networks.allowed_modules import exists_elsewhere, is_dotted_name
from nnunetv2.networks.class_names import require_network_class, require_network_part
from nnunetv2.networks.size_limits import limited_weights
from nnunetv2.utilities.find_class_by_name import derives_from, recursive_find_python_class

if TYPE_CHECKING:
    from torch import nn

    from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager

_KNOWN_ARCHITECTURES = ("dynamic_network_architectures.", "torch.")
_WRONG_ARGUMENTS = (TypeError, ValueError, AssertionError, AttributeError, LookupError, ArithmeticError, RuntimeError)
_CLASS_ENTRY = "network_class_name"


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

    Nothing is imported but what `allowed_modules` lists, and nothing is called but subclasses of torch.nn.Module and
    functions of torch that calculate. Raises UnknownNetworkError (an ImportError) for all other names, SettingsError
    for arguments that a known architecture cannot be built from, and for a network of too many weights.

    Parameters:
        arch_class_name: dotted name of the class; one that is not there is looked for by its last part in
            `dynamic_network_architectures.architectures`.
        arch_kwargs: arguments of the class besides the channel numbers; left unchanged.
        arch_kwargs_req_import: those arguments that are dotted names of layers; None stays None.
        allow_init: apply the network's own `initialize` to all its modules, if it has one.
        deep_supervision: passed on unless None.
    """
    kwargs = dict(arch_kwargs)
    for key in arch_kwargs_req_import:
        if key not in kwargs:
            raise MissingEntryError(f"plans: '_kw_requires_import' lists {key!r}, which 'arch_kwargs' does not have")
        if kwargs[key] is not None:
            kwargs[key] = require_network_part(kwargs[key], key)
    if deep_supervision is not None:
        kwargs["deep_supervision"] = deep_supervision
    network: Any = _construct(_find_network_class(arch_class_name), input_channels, output_channels, kwargs)
    if allow_init and hasattr(network, "initialize"):
        network.apply(network.initialize)
    return network


def _construct(network_class: Any, input_channels: int, output_channels: int, kwargs: Mapping[str, Any]) -> "nn.Module":
    """Call the class. Arguments that a known architecture does not take are the fault of the plans, not of its code."""
    try:
        with limited_weights():
            return network_class(input_channels=input_channels, num_classes=output_channels, **kwargs)
    except DriftError:
        raise
    except _WRONG_ARGUMENTS as error:
        if not network_class.__module__.startswith(_KNOWN_ARCHITECTURES):
            raise
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        raise SettingsError(f"plans: {network_class.__name__} cannot be built from 'arch_kwargs' ({reason})") from error


def _find_network_class(dotted_name: str) -> Any:
    """Return the class; one that has moved within dynamic_network_architectures is found by its last name."""
    try:
        return require_network_class(dotted_name, _CLASS_ENTRY)
    except UnknownNetworkError as error:
        moved = _find_moved_class(dotted_name)
        if moved is None:
            raise error
    warnings.warn(f"Network class {dotted_name} not found; using {moved.__module__}.{moved.__qualname__}", stacklevel=4)
    return moved


def _find_moved_class(dotted_name: str) -> Any:
    import dynamic_network_architectures
    from torch import nn

    if not is_dotted_name(dotted_name) or exists_elsewhere(dotted_name):
        return None
    folder = join(dynamic_network_architectures.__path__[0], "architectures")
    name = dotted_name.split(".")[-1]
    found = recursive_find_python_class(folder, name, "dynamic_network_architectures.architectures")
    return found if derives_from(found, nn.Module) else None
