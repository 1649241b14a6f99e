"""training_curves.json: the course of a training as numbers, for reports."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from nnunetv2.training.domain_balance.domain_curves import DomainCurves

STOCK_CURVES = ("train_losses", "val_losses", "mean_fg_dice", "ema_fg_dice", "lrs")


def training_curves(
    logged: Mapping[str, Sequence[Any]], domains: DomainCurves, mixing_ratios: Mapping[str, float]
) -> dict[str, Any]:
    """Return the content of the file; numbers that do not exist are null.

    Parameters:
        logged: the lists of the logger.
        domains: the curves of the domains, empty in a training of one domain.
        mixing_ratios: domain -> share of the training batches; empty if they are not balanced, null in the file.
    """
    spans = zip(logged["epoch_start_timestamps"], logged["epoch_end_timestamps"], strict=False)
    content = {
        "version": 1,
        "epochs": len(logged["epoch_end_timestamps"]),
        **{name: list(logged[name]) for name in STOCK_CURVES},
        "epoch_seconds": [end - start for start, end in spans],
        "domains": {name: {"dice": curve} for name, curve in domains.dice.items()},
        "balanced_dice": domains.balanced_dice,
        "worst_domain_dice": domains.worst_domain_dice,
        "edge_loss": domains.edge_loss,
        "edge_f1": domains.edge_f1,
        "mixing_ratios": mixing_ratios or None,
    }
    return {name: _as_json(value) for name, value in content.items()}


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _as_json(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_as_json(entry) for entry in value]
    if value is None or isinstance(value, int):
        return value
    return float(value) if math.isfinite(value) else None
