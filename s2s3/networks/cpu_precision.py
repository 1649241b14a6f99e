"""Whether a network on the CPU computes in float32 or, where that is faster, in bfloat16: `nnUNet_cpu_precision`.

`auto` takes bfloat16 for a network if two rules hold. A block of a network is faster in it and gives nearly the same,
which is measured once a computer (`bfloat16_speed`); and the labels of a batch, or each of its regions, are the same
but for a Dice of 0.999, which is looked at once a network, in the first batch that has several labels. Until then it
computes in float32.
"""

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from nnunetv2.configuration import cpu_precision_setting
from nnunetv2.networks.bfloat16_speed import is_faster

_SMALLEST_DICE = 0.999
_log = logging.getLogger(__name__)
_agreeing: "WeakKeyDictionary[nn.Module, bool]" = WeakKeyDictionary()
"""Networks that were looked at -> whether bfloat16 gives them the same labels."""


def uses_bfloat16(network: Any) -> bool:
    """Tell what the variable asks for. Raises SettingsError for a value that is none."""
    wanted = cpu_precision_setting()
    return wanted == "bf16" or (wanted == "auto" and isinstance(network, nn.Module) and _agreeing.get(network, False))


def reduced_precision() -> AbstractContextManager[Any]:
    """Return a context in which networks on the CPU compute in bfloat16."""
    return torch.autocast("cpu", torch.bfloat16)


def as_float32(prediction: torch.Tensor) -> torch.Tensor:
    """Return a prediction in bfloat16 as float32, others as they are."""
    return prediction.float() if prediction.dtype is torch.bfloat16 else prediction


def look_at(network: Any, batch: torch.Tensor, in_float32: torch.Tensor, has_regions: bool) -> None:
    """Decide for `auto`, once a network, by what it gave in float32 for a batch; one of a single label decides nothing.

    Folds that take turns in one network share the decision of the first.
    """
    if cpu_precision_setting() != "auto" or not isinstance(network, nn.Module) or network in _agreeing:
        return
    if not is_faster(torch.get_num_threads()):
        _agreeing[network] = False
        return
    labels = _label_images(in_float32, has_regions)
    if all((image == image.flatten()[0]).all() for image in labels):
        return
    with reduced_precision():
        reduced = _label_images(as_float32(network(batch)), has_regions)
    dice = min(map(mean_dice, labels, reduced))
    _agreeing[network] = dice >= _SMALLEST_DICE
    chosen = "bfloat16" if _agreeing[network] else "float32"
    _log.info("nnUNet_cpu_precision=auto: %s, as labels of a tile have a Dice of %.4f in both", chosen, dice)


def mean_dice(first: torch.Tensor, second: torch.Tensor) -> float:
    """Return the mean Dice, 0 to 1, of all labels that occur in one of two label images of the same shape."""
    values = torch.cat([first.unique(), second.unique()]).unique()
    scores = [
        2 * int(((first == value) & (second == value)).sum()) / int((first == value).sum() + (second == value).sum())
        for value in values
    ]
    return sum(scores) / len(scores)


def _label_images(logits: torch.Tensor, has_regions: bool) -> Sequence[torch.Tensor]:
    """Return the channel (B, *size) of the largest of logits (B, K, *size), or where each region (B, *size) is."""
    return (logits > 0).unbind(1) if has_regions or logits.shape[1] == 1 else [logits.argmax(1)]
