"""The pseudo Dice of each class and each domain on the validation patches of an epoch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnunetv2.domains.domain_metrics import dice_from_counts
from nnunetv2.training.loss.dice import get_tp_fp_fn_tn

UNKNOWN_DOMAIN = ""
"""Tag of a validation step whose cases have no domain, or not all the same one."""
_COUNT_KEYS = ("tp_hard", "fp_hard", "fn_hard")


@dataclass(frozen=True)
class Counts:
    """True positive, false positive and false negative voxels, arrays of shape (classes,)."""

    tp: np.ndarray
    fp: np.ndarray
    fn: np.ndarray

    def dice(self) -> list[float]:
        """Return 2 tp / (2 tp + fp + fn) of each class, NaN for a class absent from prediction and reference."""
        return [float(value) for value in dice_from_counts(self.tp, self.fp, self.fn)]


def hard_counts(
    output: Tensor,
    target: Tensor,
    has_regions: bool,
    ignore_label: int | None,
    count: Callable[..., Any] = get_tp_fp_fn_tn,
) -> dict[str, np.ndarray]:
    """Return `tp_hard`, `fp_hard`, `fn_hard` of the foreground classes or regions, summed over batch and space.

    Parameters:
        output: logits (B, C, *space) at full resolution.
        target: labels (B, 1, *space); with regions, one channel per region and the ignored voxels as last channel.
        count: counts true and false positives and negatives.
    """
    if has_regions:
        target, mask = _without_ignore_channel(target) if ignore_label is not None else (target, None)
        prediction = (torch.sigmoid(output) > 0.5).to(output.dtype)
    else:
        target, mask = _without_ignore_label(target, ignore_label) if ignore_label is not None else (target, None)
        prediction = torch.zeros_like(output).scatter_(1, output.argmax(1, keepdim=True), 1)
    axes = [0, *range(2, output.ndim)]
    tp, fp, fn, _ = count(prediction, target, axes=axes, mask=mask)
    first = 0 if has_regions else 1
    return {key: value.detach().cpu().numpy()[first:] for key, value in zip(_COUNT_KEYS, (tp, fp, fn), strict=True)}


def _without_ignore_channel(target: Tensor) -> tuple[Tensor, Tensor]:
    return target[:, :-1], target[:, -1:] == 0


def _without_ignore_label(target: Tensor, ignore_label: int) -> tuple[Tensor, Tensor]:
    mask = target != ignore_label
    return torch.where(mask, target, torch.zeros_like(target)), mask


def total_counts(outputs: Mapping[str, Any]) -> Counts:
    """Sum the counts of the validation steps of an epoch, which are stacked along the first axis."""
    return Counts(*(np.sum(outputs[key], axis=0) for key in _COUNT_KEYS))


def counts_by_domain(outputs: Mapping[str, Any]) -> dict[str, Counts]:
    """Sum the counts of the steps of each domain; empty unless all steps name theirs (key `domain`)."""
    domains = np.asarray(outputs.get("domain", []))
    if len(domains) != len(outputs["tp_hard"]) or UNKNOWN_DOMAIN in domains:
        return {}
    return {
        str(domain): total_counts({key: np.asarray(outputs[key])[domains == domain] for key in _COUNT_KEYS})
        for domain in sorted(set(domains))
    }


def merge_counts(parts: Sequence[Counts]) -> Counts:
    """Add up the counts of all ranks."""
    return Counts(*(np.sum([getattr(part, name) for part in parts], axis=0) for name in ("tp", "fp", "fn")))


def merge_domain_counts(parts: Sequence[Mapping[str, Counts]]) -> dict[str, Counts]:
    """Add up the counts of all ranks by domain; ranks may have different domains. Empty if those of a rank are."""
    if not all(parts):
        return {}
    names = sorted({name for part in parts for name in part})
    return {name: merge_counts([part[name] for part in parts if name in part]) for name in names}
