"""Which normalization layers the arguments of a planned network name, and those with batch normalization instead."""

from collections.abc import Iterable, Mapping
from typing import Any

_KEYWORDS = {"eps": 1e-5, "affine": True}


def with_batch_norm(arguments: Mapping[str, Any], dims: int) -> dict[str, Any]:
    """Return a copy of a network's arguments with the normalization replaced."""
    return {**arguments, "norm_op": f"torch.nn.modules.batchnorm.BatchNorm{dims}d", "norm_op_kwargs": dict(_KEYWORDS)}


def names_instance_norm(arguments: Mapping[str, Any]) -> bool:
    """Tell whether the normalization of a network's arguments is nnU-Net's, which keeps no running statistics."""
    keeps_statistics = (arguments.get("norm_op_kwargs") or {}).get("track_running_stats", False)
    return _operator(arguments).startswith("torch.nn.modules.instancenorm.InstanceNorm") and not keeps_statistics


def names_batch_norm(arguments: Mapping[str, Any]) -> bool:
    """Tell whether the normalization of a network's arguments is batch normalization."""
    return _operator(arguments).startswith("torch.nn.modules.batchnorm.BatchNorm")


def _operator(arguments: Mapping[str, Any]) -> str:
    return str(arguments.get("norm_op", ""))


def has_running_statistics(weight_names: Iterable[str]) -> bool:
    """Tell whether weights of these names come from a network with batch normalization."""
    return any(name.endswith(".running_mean") for name in weight_names)
