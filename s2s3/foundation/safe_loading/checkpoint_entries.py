"""Checks the kinds of the entries that every checkpoint of nnU-Net may have, whatever wrote it."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from nnunetv2.errors import CheckpointError
from nnunetv2.foundation.content_descriptions import describe_content
from nnunetv2.foundation.random_streams import LARGEST_SEED, is_seed

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
_OUR_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "edge_heads": ((Mapping,), "weights by name"),
    "edge_optimizer": ((Mapping,), "the state of an optimizer"),
    "domains": ((list,), "names"),
    "ratios": ((Mapping,), "numbers by domain"),
    "domain_curves": ((Mapping,), "curves by name"),
    "domain_weights": ((Mapping,), "numbers by domain"),
    "adaptive_ratios": ((Mapping,), "numbers by name"),
    "averaged_weights": ((Mapping,), "weights and their number"),
    "seed": ((int,), "a seed"),
    "losses_of_epoch": ((Mapping,), "numbers by domain"),
    "epoch_so_far": ((Mapping,), "what an epoch has given"),
    STATISTICS_KEY: ((Mapping,), "numbers by name"),
}
"""Of the entries under DRIFT_KEY."""


def check_entries(content: Mapping[Any, Any], path: str | os.PathLike[str]) -> None:
    """Raise CheckpointError, one line, for the first entry of another kind than nnU-Net writes; any may be missing."""
    _check_kinds(content, _KINDS, path)
    ours = content.get(DRIFT_KEY, {})
    _check_kinds(ours, _OUR_KINDS, f"{path}: {DRIFT_KEY!r}")
    if not all(isinstance(name, str) for name in ours.get("domains", ())):
        raise CheckpointError(f"{path}: {DRIFT_KEY!r}: 'domains' is a list with other values, expected names")
    if "seed" in ours and not is_seed(ours["seed"]):
        raise CheckpointError(f"{path}: {DRIFT_KEY!r}: 'seed' is {ours['seed']!r:.60}, expected 0 to {LARGEST_SEED}")
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


def _check_kinds(
    entries: Mapping[Any, Any],
    known: Mapping[str, tuple[tuple[type, ...], str]],
    where: str | os.PathLike[str],
) -> None:
    for key, (kinds, expected) in known.items():
        if key in entries and not isinstance(entries[key], kinds):
            raise CheckpointError(f"{where}: {key!r} is {describe_content(entries[key])}, expected {expected}")


def _is_axis(axis: Any) -> bool:
    return isinstance(axis, int | np.integer) and not isinstance(axis, bool) and int(axis) in range(3)
