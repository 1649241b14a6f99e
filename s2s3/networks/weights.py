"""Whether weights fit a network: every place that loads weights asks here."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nnunetv2.errors import CheckpointMismatchError

if TYPE_CHECKING:
    from torch import Tensor, nn


def loads_in_its_own_way(network: "nn.Module") -> bool:
    """Tell whether a network overrides how weights are loaded, so that they need not have its own names and shapes."""
    from torch import nn

    return type(network).load_state_dict is not nn.Module.load_state_dict or bool(network._load_state_dict_pre_hooks)


def named_as_in(own: "Mapping[str, Tensor]", weights: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """Return `weights` with the names of the state dict `own`: without `module.` before names that it lacks."""
    return {name if name in own else name.removeprefix("module."): value for name, value in weights.items()}


def check_weights(own: "Mapping[str, Tensor]", weights: "Mapping[str, Tensor]", source: object, advice: str) -> None:
    """Raise a one-line CheckpointMismatchError unless `weights` can be loaded into a network with the state dict `own`.

    Parameters:
        source: the file of the weights, for the message.
        advice: what to do about it, a sentence.
    """
    problems = _differences(own, weights)
    if problems:
        raise CheckpointMismatchError(f"{source} does not match this network: {'; '.join(problems)}. {advice}")


def _differences(own: "Mapping[str, Tensor]", weights: "Mapping[str, Tensor]") -> list[str]:
    missing = [name for name in own if name not in weights]
    surplus = [name for name in weights if name not in own]
    reshaped = [
        f"{name} is {_shape_of(weights[name])} instead of {_shape_of(value)}"
        for name, value in own.items()
        if name in weights and _shape_of(weights[name]) != _shape_of(value)
    ]
    kinds = {"lacks": missing, "has in surplus": surplus, "of another shape:": reshaped}
    return [f"{kind} {_first_of(names)}" for kind, names in kinds.items() if names]


def _shape_of(value: object) -> "tuple[int, ...] | str":
    shape = getattr(value, "shape", None)
    return "no tensor" if shape is None else tuple(shape)


def _first_of(names: list[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")
