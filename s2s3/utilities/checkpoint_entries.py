"""Checks the kinds of the entries that every checkpoint of nnU-Net may have, whatever wrote it."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from nnunetv2.errors import CheckpointError
from nnunetv2.utilities.content_descriptions import describe_content

DRIFT_KEY = "drift"
"""Everything of ours in a checkpoint, which nnU-Net ignores."""
STATISTICS_KEY = "domain_statistics"
"""In it: how the images of each domain look."""

_NONE = type(None)
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "network_weights": ((Mapping,), "weights by name"),
    "init_args": ((Mapping, _NONE), "the arguments of a trainer by name"),
    "optimizer_state": ((Mapping, _NONE), "the state of an optimizer"),
    "grad_scaler_state": ((Mapping, _NONE), "the state of a gradient scaler"),
    "logging": ((Mapping, _NONE), "curves by name"),
    "current_epoch": ((int, np.integer), "a number"),
    "_best_ema": ((int, float, np.number, Tensor, _NONE), "a number"),
    DRIFT_KEY: ((Mapping,), "entries by name"),
    "inference_allowed_mirroring_axes": ((list, tuple, _NONE), "numbers of axes"),
}


def check_entries(content: Mapping[Any, Any], path: str | os.PathLike[str]) -> None:
    """Raise CheckpointError, one line, for the first entry of another kind than nnU-Net writes; any may be missing."""
    for key, (kinds, expected) in _KINDS.items():
        if key in content and not isinstance(content[key], kinds):
            raise CheckpointError(f"{path}: {key!r} is {describe_content(content[key])}, expected {expected}")
    for name, value in content.get("network_weights", {}).items():
        if not isinstance(name, str) or (not isinstance(value, Tensor) and name.endswith((".weight", ".bias"))):
            raise CheckpointError(
                f"{path}: 'network_weights' is {describe_content({name: value})}, {describe_content(value)}; expected "
                "tensors by name"
            )
    axes = content.get("inference_allowed_mirroring_axes") or ()
    if len(set(map(str, axes))) < len(axes) or not all(map(_is_axis, axes)):
        shown = f"{axes!r:.60}"
        raise CheckpointError(
            f"{path}: 'inference_allowed_mirroring_axes' is {shown}, expected axes from 0 to 2, each once at most"
        )


def _is_axis(axis: Any) -> bool:
    return isinstance(axis, int | np.integer) and not isinstance(axis, bool) and int(axis) in range(3)
