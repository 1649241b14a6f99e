"""The end of a training whose loss is not a finite number, with a file that describes the batch."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nnunetv2.errors import NonFiniteLossError
from nnunetv2.foundation.files import write_json
from nnunetv2.foundation.plain_values import converted, to_plain

_WAYS_OUT = (
    "Look at these cases, or lower initial_lr. --c goes on from the last checkpoint; a trainer with "
    "stop_at_non_finite_loss = False trains on, as nnU-Net does"
)


def is_finite(output: Mapping[str, Any]) -> bool:
    """Tell whether the loss of a step is finite; one that is missing or no number counts as finite."""
    loss = output.get("loss")
    try:
        return loss is None or bool(np.isfinite(np.asarray(loss, float)).all())
    except (TypeError, ValueError):
        return True


def end_at_non_finite_loss(
    batch: Mapping[str, Any], output: Mapping[str, Any], network: nn.Module, where: Mapping[str, Any], folder: str
) -> None:
    """Write what is known about the batch to `folder` and raise NonFiniteLossError, which names its cases.

    Parameters:
        where: `epoch`, `step` and `rank`, and whatever else the file has to say about the moment.
    """
    file = Path(folder) / f"non_finite_loss_rank_{where['rank']}.json"
    cases = [str(case) for case in batch.get("keys", ())]
    write_json(_described(batch, cases, output, network, where), file)
    raise NonFiniteLossError(
        f"epoch {where['epoch']}, training step {where['step']}: the loss is {np.asarray(output['loss'])}. Cases of "
        f"the batch: {', '.join(cases) or 'unknown'}; {file} describes it. {_WAYS_OUT}"
    )


def _described(
    batch: Mapping[str, Any], cases: list[str], output: Mapping[str, Any], network: nn.Module, where: Mapping[str, Any]
) -> dict[str, Any]:
    images, target = batch.get("data"), batch.get("target")
    labels = target[0] if isinstance(target, list | tuple) else target
    samples = [
        {
            "case": case,
            "channels": _channels(images[row]) if isinstance(images, Tensor) else None,
            "labels": _labels(labels[row]) if isinstance(labels, Tensor) else None,
        }
        for row, case in enumerate(cases)
    ]
    broken = [name for name, value in network.state_dict().items() if not _all_finite(value)]
    content = {"version": 1, **where, "step_output": to_plain(dict(output)), "batch": samples}
    return converted({**content, "weights_not_finite_after_the_step": broken}, _in_json)


def _channels(image: Tensor) -> list[dict[str, Any]]:
    """Return for each channel of a patch (C, *space) its range and mean, and how many pixels are not finite."""
    described = []
    for channel in image.detach().float().cpu():
        finite = channel[torch.isfinite(channel)]
        known = finite if len(finite) else torch.tensor([math.nan])
        described.append(
            {
                "least": known.min().item(),
                "greatest": known.max().item(),
                "mean": known.mean().item(),
                "not_finite": channel.numel() - finite.numel(),
            }
        )
    return described


def _labels(target: Tensor) -> list[dict[str, int]]:
    """Return for each channel of a target (C, *space) its values and how many pixels have them."""
    counted = [channel.unique(return_counts=True) for channel in target.detach().cpu()]
    return [
        {str(value): int(count) for value, count in zip(values.tolist(), counts.tolist(), strict=True)}
        for values, counts in counted
    ]


def _all_finite(value: Any) -> bool:
    return not isinstance(value, Tensor) or not value.is_floating_point() or bool(torch.isfinite(value).all())


def _in_json(leaf: Any) -> Any:
    """Return a value as JSON has it: numbers that are not finite as text, and unknown objects too."""
    if isinstance(leaf, float):
        return leaf if math.isfinite(leaf) else str(leaf)
    return leaf if isinstance(leaf, str | int | type(None)) else str(leaf)
