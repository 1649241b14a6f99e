"""The course of a training as numbers: nnU-Net's are in its logger, those of domains and edge heads here."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from nnunetv2.domains.domain_metrics import balanced_mean, mean_without_nan
from nnunetv2.foundation.plain_values import nan_as_none, to_plain
from nnunetv2.training.logging.local_logger import LocalLogger
from nnunetv2.training.logging.moving_average import next_average

STOCK_CURVES = ("train_losses", "val_losses", "mean_fg_dice", "ema_fg_dice", "lrs")


@dataclass
class DomainCurves:
    """Lists with one entry per epoch; NaN if an epoch has no such metric."""

    dice: dict[str, list[float]] = field(default_factory=dict)
    """Domain -> mean pseudo Dice of its foreground classes."""
    dice_per_class: dict[str, list[list[float]]] = field(default_factory=dict)
    balanced_dice: list[float] = field(default_factory=list)
    """Mean over domains, with the evaluation weights of the dataset."""
    ema_balanced_dice: list[float] = field(default_factory=list)
    worst_domain_dice: list[float] = field(default_factory=list)
    edge_loss: list[float] = field(default_factory=list)
    edge_f1: list[float] = field(default_factory=list)
    """Boundary F1 of the edge heads' own maps on the validation patches, at the best threshold."""

    def add_edge_loss(self, epoch: int, value: float) -> None:
        """Add the mean edge loss of the training steps of an epoch."""
        _set_at(self.edge_loss, epoch, value)

    def add_edge_f1(self, epoch: int, value: float) -> None:
        """Add the boundary F1 of the edge heads of an epoch."""
        _set_at(self.edge_f1, epoch, value)

    def add_validation(
        self,
        epoch: int,
        dice_per_class: Mapping[str, list[float]],
        weights: Mapping[str, float],
        names: tuple[str, ...],
    ) -> None:
        """Add the validation of an epoch: domain -> Dice of each class; domains without any are NaN."""
        means = {name: mean_without_nan(dice_per_class.get(name, [])) for name in names}
        for name in names:
            _set_at(self.dice.setdefault(name, []), epoch, means[name])
            _set_at(self.dice_per_class.setdefault(name, []), epoch, dice_per_class.get(name, []), [])
        balanced = balanced_mean(means, weights)
        previous = self.ema_balanced_dice[epoch - 1] if 0 < epoch <= len(self.ema_balanced_dice) else math.nan
        _set_at(self.balanced_dice, epoch, balanced)
        _set_at(self.ema_balanced_dice, epoch, next_average(previous, balanced))
        _set_at(self.worst_domain_dice, epoch, min((v for v in means.values() if not math.isnan(v)), default=math.nan))

    @property
    def ema_worst_domain_dice(self) -> list[float]:
        """The moving average of the worst domain's Dice."""
        averages: list[float] = []
        for value in self.worst_domain_dice:
            averages.append(next_average(averages[-1] if averages else math.nan, value))
        return averages

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists for a checkpoint."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "DomainCurves":
        """Restore the lists of a checkpoint; missing ones start empty."""
        known = {entry.name for entry in fields(cls)}
        return cls(**{name: value for name, value in content.items() if name in known})

    def drawn(self) -> dict[str, dict[str, list[float]]]:
        """Return the curves that progress.png shows, by group and name."""
        dice = {**self.dice, "balanced": self.balanced_dice, "worst domain": self.worst_domain_dice}
        groups = {"dice": dice, "losses": {"edge loss": self.edge_loss}}
        return {group: {name: curve for name, curve in curves.items() if curve} for group, curves in groups.items()}

    def sent(self) -> dict[str, dict[str, list[float]]]:
        """Return the curves for external loggers, by group and plain name."""
        dice = {f"val/dice/{name}": curve for name, curve in self.dice.items()}
        means = {"val/balanced_dice": self.balanced_dice, "val/worst_domain_dice": self.worst_domain_dice}
        groups = {"dice": {**dice, **means}, "losses": {"train/edge_loss": self.edge_loss}}
        return {group: {name: curve for name, curve in curves.items() if curve} for group, curves in groups.items()}


def show_curves(logger: Any, curves: DomainCurves, group: str, epoch: int) -> None:
    """Have the logger draw the curves in progress.png, and send those of a group to external loggers, if it can.

    Parameters:
        logger: anything with the methods of nnU-Net's loggers.
        group: "dice" or "losses".
    """
    local = getattr(logger, "local_logger", logger)
    if isinstance(local, LocalLogger):
        local.further_curves = curves
    for name, curve in curves.sent()[group].items():
        send_further(logger, name, curve[-1], epoch)


def send_further(logger: Any, key: str, value: float, epoch: int) -> None:
    """Send the value of an epoch to external loggers, if the logger has any; it is not part of checkpoints."""
    log_further = getattr(logger, "log_further", None)
    if log_further is not None:
        log_further(key, value, epoch)
        return
    for external in getattr(logger, "loggers", ()):
        external.log(key, value, epoch)


def wait_for_loggers(logger: Any) -> None:
    """Wait, but not long, for external loggers that are late, if the logger has any."""
    getattr(logger, "wait_for_loggers", lambda: None)()


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
    plain: dict[str, Any] = nan_as_none(to_plain(content))
    return plain


def _set_at(curve: list[Any], epoch: int, value: Any, gap: Any = math.nan) -> None:
    """Set the value of an epoch; fill missing earlier epochs with `gap`, drop later ones (of an interrupted run)."""
    del curve[epoch:]
    curve.extend([gap] * (epoch - len(curve)))
    curve.append(value)
