"""How far an epoch is, for a checkpoint that is written in the middle of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from nnunetv2.errors import CheckpointError
from nnunetv2.foundation.content_descriptions import describe_content
from nnunetv2.foundation.plain_values import converted

ENTRY = "epoch_so_far"
_LOGGED_WHILE_TRAINING = ("lrs", "train_losses")
_KEPT_DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
_PLAIN = (torch.Tensor, str, int, float, type(None))

Outputs = list[dict[str, Any]]


@dataclass
class EpochSoFar:
    """What the steps of an epoch have given until now; new at its start."""

    train_outputs: Outputs = field(default_factory=list)
    """Of this rank."""
    steps: int = 0
    """Training steps that are done."""
    is_trained: bool = False
    """Whether the training part of the epoch is over, and its validation is to begin."""

    def add(self, output: dict[str, Any]) -> None:
        """Add the output of a training step."""
        self.train_outputs.append(output)
        self.steps += 1

    def to_entry(self, outputs_of_ranks: Sequence[Outputs]) -> dict[str, Any]:
        """Return plain values for a checkpoint; empty at the start of an epoch.

        Also empty if a step has given other things than numbers, texts and arrays: then the epoch has to begin anew.

        Parameters:
            outputs_of_ranks: the outputs of all ranks.
        """
        outputs = [_with_tensors(outputs) for outputs in outputs_of_ranks]
        if not self.steps or not _is_plain(outputs):
            return {}
        return {"steps": self.steps, "is_trained": self.is_trained, "train_outputs": outputs}

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any], rank: int, world_size: int) -> "EpochSoFar":
        """Return what `to_entry` has stored, of which each rank gets its share, also of another number of ranks.

        If that is fewer than one output a rank, and they are still needed, the epoch begins anew.

        Raises CheckpointError if it has another form.
        """
        if not entry:
            return cls()
        steps: Any
        saved: Any
        steps, is_trained, saved = (entry.get(name) for name in ("steps", "is_trained", "train_outputs"))
        if type(steps) is not int or steps < 1 or type(is_trained) is not bool or not _is_outputs(saved, steps):
            raise CheckpointError(
                f"the checkpoint's {ENTRY!r} is {describe_content(dict(entry))}, expected steps, is_trained and "
                "train_outputs; continue from an older checkpoint"
            )
        own = _share(saved, rank, world_size)
        if not is_trained and steps * len(saved) < world_size:
            return cls()
        return cls([_with_arrays(output) for output in own], steps, is_trained)


def _share(saved: Sequence[Outputs], rank: int, world_size: int) -> Outputs:
    """Return the outputs that a rank goes on with: those of whole ranks, or of more ranks than before its part."""
    if world_size <= len(saved):
        return [output for outputs in saved[rank::world_size] for output in outputs]
    return [output for step in zip(*saved, strict=True) for output in step][rank::world_size]


def logging_so_far(logging: Mapping[str, Any], epoch: int, is_trained: bool) -> dict[str, Any]:
    """Return the curves of a run without what was logged in an epoch that is not over.

    Parameters:
        is_trained: keep what its training part has logged.
    """
    kept = _LOGGED_WHILE_TRAINING if is_trained else ()
    return {
        name: curve[:epoch] if isinstance(curve, list) and name not in kept else curve
        for name, curve in logging.items()
    }


def _is_outputs(saved: Any, steps: int) -> bool:
    """Tell whether a value from a file lists, for each rank, one output a step."""
    if not isinstance(saved, list) or not saved or not _is_plain(saved):
        return False
    return all(
        isinstance(outputs, list) and len(outputs) == steps and all(isinstance(output, dict) for output in outputs)
        for outputs in saved
    )


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_plain(entry) for name, entry in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return isinstance(value, _PLAIN)


def _with_tensors(value: Any) -> Any:
    """Return nested values with arrays as tensors, which keep their kind of numbers in a checkpoint."""
    return converted(value, lambda leaf: _tensor(leaf) if isinstance(leaf, np.ndarray | np.generic) else leaf)


def _tensor(leaf: Any) -> Any:
    if isinstance(leaf, np.ndarray) and leaf.dtype.name in _KEPT_DTYPES:
        return torch.from_numpy(np.ascontiguousarray(leaf).reshape(leaf.shape))
    return leaf.tolist()


def _with_arrays(value: Any) -> Any:
    return converted(value, lambda leaf: leaf.cpu().numpy() if isinstance(leaf, torch.Tensor) else leaf)
