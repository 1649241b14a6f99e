"""The files of checkpoints: when they are written, of what values, and what resuming needs of them."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnunetv2.errors import CheckpointError, IncompleteCheckpointError
from nnunetv2.foundation.files import replacing
from nnunetv2.foundation.plain_values import converted
from nnunetv2.foundation.safe_loading.checkpoint_entries import DRIFT_KEY as DRIFT_KEY
from nnunetv2.foundation.safe_loading.safe_checkpoint import load_checkpoint_file
from nnunetv2.networks.weights import check_weights, named_as_in

DRIFT_VERSION = 1
REQUIRED_KEYS = ("network_weights", "optimizer_state", "logging", "_best_ema", "current_epoch", "init_args")


def write_checkpoint(content: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a checkpoint atomically; numpy numbers become Python numbers, so that it loads everywhere.

    The one that it replaces stays until the new one is on the disk, also if the machine stops meanwhile.
    """
    plain = {key: without_numpy(value) for key, value in content.items()}
    with replacing(path) as temporary:
        torch.save(plain, temporary)
        _bring_to_disk(temporary)


def _bring_to_disk(file: Path) -> None:
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())


def without_numpy(value: Any) -> Any:
    """Return the value with numpy scalars as Python numbers and arrays as lists, at any depth; tensors stay."""
    return converted(value, lambda leaf: leaf.tolist() if isinstance(leaf, np.generic | np.ndarray) else leaf)


def checkpoint_of(source: Any, device: Any) -> dict[str, Any]:
    """Return a checkpoint given as a dictionary or as the path of a file, whose tensors are loaded to `device`.

    Raises IncompleteCheckpointError if an entry that resuming needs is missing, CheckpointError if `init_args` is no
    dictionary.
    """
    content = dict(source) if isinstance(source, Mapping) else load_checkpoint_file(source, device)
    where = "the checkpoint" if isinstance(source, Mapping) else f"{source}:"
    missing = [key for key in REQUIRED_KEYS if key not in content]
    if missing:
        raise IncompleteCheckpointError(f"{where} lacks {', '.join(missing)}; a training cannot resume from it")
    if not isinstance(content["init_args"], Mapping):
        raise CheckpointError(f"{where} init_args is {content['init_args']!r}, expected the arguments of a trainer")
    return content


def fitting_weights(own: Mapping[str, Tensor], weights: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """Return the weights to load into a network with the state dict `own`.

    A `module.` before names is removed if the network's names have none. Raises a one-line CheckpointMismatchError if
    names or shapes do not match.
    """
    weights = named_as_in(own, weights)
    check_weights(own, weights, source, "Check configuration, plans and trainer")
    return weights


@dataclass(frozen=True)
class CheckpointPolicy:
    """When each checkpoint of a training is written."""

    save_every: int
    """Epochs between two `checkpoint_latest.pth`."""
    num_epochs: int

    def latest_is_due(self, epoch: int) -> bool:
        """Tell whether `checkpoint_latest.pth` is written at the end of `epoch` (never of the last one)."""
        return (epoch + 1) % self.save_every == 0 and epoch != self.num_epochs - 1


def is_new_best(score: float, best: float | None) -> bool:
    """Tell whether `score` is the best so far; NaN is best only if there is no score yet, and any number beats it."""
    if best is None:
        return True
    return (math.isnan(best) and not math.isnan(score)) or score > best


def describe_changes(saved: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """Return one line per difference between the run that wrote a checkpoint and this one.

    Parameters: `init_args` of the checkpoint and of this trainer.
    """
    lines = []
    for name in ("configuration", "fold"):
        if saved.get(name) != current.get(name):
            lines.append(f"{name} was {saved.get(name)!r}, now it is {current.get(name)!r}")
    for name in ("dataset_json", "plans"):
        before, now = _mapping(saved.get(name)), _mapping(current.get(name))
        changed = sorted(str(key) for key in {*before, *now} if before.get(key) != now.get(key))
        if changed:
            lines.append(f"{name} changed in {', '.join(changed)}")
    return lines


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
