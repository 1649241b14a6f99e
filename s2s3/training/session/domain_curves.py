"""The numbers of each domain over the epochs of a training."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from nnunetv2.domains.domain_metrics import balanced_mean, mean_without_nan
from nnunetv2.training.logging.moving_average import next_average


@dataclass
class DomainCurves:
    """Lists with one entry an epoch; NaN where an epoch has no such number."""

    dice: dict[str, list[float]] = field(default_factory=dict)
    """Domain -> mean pseudo Dice of its foreground classes."""
    dice_per_class: dict[str, list[list[float]]] = field(default_factory=dict)
    balanced_dice: list[float] = field(default_factory=list)
    """Mean over domains by the mixing ratios."""
    ema_balanced_dice: list[float] = field(default_factory=list)
    worst_domain_dice: list[float] = field(default_factory=list)
    edge_loss: list[float] = field(default_factory=list)

    def add_edge_loss(self, epoch: int, value: float) -> None:
        """Enter the mean edge loss of the training steps of an epoch."""
        _enter(self.edge_loss, epoch, value)

    def add_validation(
        self, epoch: int, dice_per_class: Mapping[str, list[float]], ratios: Mapping[str, float], names: tuple[str, ...]
    ) -> None:
        """Enter what the validation of an epoch gave: domain -> Dice of each class; domains without any are NaN."""
        means = {name: mean_without_nan(dice_per_class.get(name, [])) for name in names}
        for name in names:
            _enter(self.dice.setdefault(name, []), epoch, means[name])
            _enter(self.dice_per_class.setdefault(name, []), epoch, dice_per_class.get(name, []), [])
        balanced = balanced_mean(means, ratios)
        previous = self.ema_balanced_dice[epoch - 1] if 0 < epoch <= len(self.ema_balanced_dice) else math.nan
        _enter(self.balanced_dice, epoch, balanced)
        _enter(self.ema_balanced_dice, epoch, next_average(previous, balanced))
        _enter(self.worst_domain_dice, epoch, min((v for v in means.values() if not math.isnan(v)), default=math.nan))

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists for a checkpoint."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "DomainCurves":
        """Take over the lists of a checkpoint; what it does not have starts empty."""
        known = {entry.name for entry in fields(cls)}
        return cls(**{name: value for name, value in content.items() if name in known})

    def drawn(self) -> dict[str, dict[str, list[float]]]:
        """Return the curves that progress.png shows, by group and name."""
        dice = {**self.dice, "balanced": self.balanced_dice, "worst domain": self.worst_domain_dice}
        groups = {"dice": dice, "losses": {"edge loss": self.edge_loss}}
        return {group: {name: curve for name, curve in curves.items() if curve} for group, curves in groups.items()}


def _enter(curve: list[Any], epoch: int, value: Any, gap: Any = math.nan) -> None:
    """Set the value of an epoch; epochs that were never entered are gaps, later ones (of a run cut short) go."""
    del curve[epoch:]
    curve.extend([gap] * (epoch - len(curve)))
    curve.append(value)
