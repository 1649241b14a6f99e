"""Compares weights with a network."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


def loads_in_its_own_way(network: "nn.Module") -> bool:
    """Tell whether a network overrides how weights are loaded, so that they need not have its own names and shapes."""
    from torch import nn

    return type(network).load_state_dict is not nn.Module.load_state_dict or bool(network._load_state_dict_pre_hooks)


def weight_differences(own: "Mapping[str, Tensor]", weights: "Mapping[str, Tensor]") -> list[str]:
    """Return why `weights` cannot be loaded into a network with the state dict `own`; empty if they can."""
    missing = [name for name in own if name not in weights]
    surplus = [name for name in weights if name not in own]
    reshaped = [
        f"{name} is {tuple(weights[name].shape)} instead of {tuple(value.shape)}"
        for name, value in own.items()
        if name in weights and weights[name].shape != value.shape
    ]
    kinds = {"lacks": missing, "has in surplus": surplus, "of another shape:": reshaped}
    return [f"{kind} {_first_of(names)}" for kind, names in kinds.items() if names]


def _first_of(names: list[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")
