"""What a training scores: metrics of each domain, the score of a checkpoint, its entry (method, section 3)."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from nnunetv2.domains.dataset_domains import DatasetDomains
from nnunetv2.domains.domain_statistics import DomainStatistics
from nnunetv2.foundation.safe_loading.checkpoint_entries import STATISTICS_KEY
from nnunetv2.training.domain_balance.balance_settings import DomainBalanceSettings
from nnunetv2.training.domain_balance.domain_colours import measure_colours
from nnunetv2.training.logging.training_curves import DomainCurves, show_curves
from nnunetv2.training.steps.epoch_metrics import UNKNOWN_DOMAIN, Counts

Report = Callable[[str], None]


class StockScoring:
    """Scores as stock nnU-Net does: all validation patches together."""

    names: tuple[str, ...] = ()
    """Names of the domains."""
    statistics: DomainStatistics | None = None
    """How images of each domain look; None if that was not measured."""

    def __init__(self) -> None:
        self.curves = DomainCurves()

    def measure(self, dataset: Any) -> None:
        """Measure the domains of a dataset's cases, so that predictions can tell which of them an image is like."""

    def domains_of(self, case_keys: Iterable[str]) -> list[str]:
        """Return the domain of each case of a batch, UNKNOWN_DOMAIN for cases without one."""
        return [UNKNOWN_DOMAIN for _ in case_keys]

    def tag(self, case_keys: Iterable[str]) -> dict[str, list[str]]:
        """Return an entry for the output of a validation step that names its domain; empty without domains."""
        return {}

    def log_validation(self, counts: Mapping[str, Counts], epoch: int, logger: Any) -> None:
        """Log the metrics of each domain."""

    def report(self, report: Report) -> None:
        """Report the metrics of each domain that were logged last."""

    def log_edge_loss(self, values: Sequence[float], epoch: int, logger: Any) -> None:
        """Log the edge loss of an epoch's steps."""

    def log_edge_f1(self, value: float, epoch: int) -> None:
        """Log the boundary F1 of the edge heads' maps on the validation patches of an epoch, NaN without heads."""

    def score(self, ema_dice: float, epoch: int) -> float:
        """Return the score of an epoch by which the best checkpoint is chosen."""
        return ema_dice

    def checkpoint_entry(self) -> dict[str, Any]:
        """Return the entry for domains in a checkpoint."""
        return {}

    def restore(self, entry: Mapping[str, Any], report: Report) -> None:
        """Restore the entry for domains of a checkpoint."""


class DomainScoring:
    """Scores by domain. Balanced numbers have the evaluation weights of the dataset, whatever is drawn."""

    def __init__(self, dataset: DatasetDomains, settings: DomainBalanceSettings):
        self._map = dataset.required_map
        self._groups = dataset.groups
        self._weights = dataset.evaluation_weights
        self._settings = settings
        self.names = dataset.names
        self.statistics: DomainStatistics | None = None
        """How images of each domain look; None if that was not measured."""
        self.curves = DomainCurves()

    def measure(self, dataset: Any) -> None:
        """Measure the colours of the domains, unless they are unknown or the cases too few."""
        self.statistics = measure_colours(dataset, self._map, self._groups)

    def domains_of(self, case_keys: Iterable[str]) -> list[str]:
        """Return the domain of each case of a batch, UNKNOWN_DOMAIN for cases without one."""
        return [self._map.domain_by_case.get(str(case), UNKNOWN_DOMAIN) for case in case_keys]

    def tag(self, case_keys: Iterable[str]) -> dict[str, list[str]]:
        """Return the domain of all cases of a validation batch; UNKNOWN_DOMAIN if they have not one in common."""
        domains = set(self.domains_of(case_keys))
        return {"domain": [domains.pop() if len(domains) == 1 else UNKNOWN_DOMAIN]}

    def log_validation(self, counts: Mapping[str, Counts], epoch: int, logger: Any) -> None:
        """Log the Dice of each domain and class, the balanced mean and the worst domain."""
        dice = {name: counts[name].dice() for name in self.names if name in counts}
        self.curves.add_validation(epoch, dice, self._weights, self.names)
        show_curves(logger, self.curves, "dice", epoch)

    def report(self, report: Report) -> None:
        """Report the Dice of each domain and class, the balanced mean and the worst domain."""
        for name, curve in self.curves.dice_per_class.items():
            report(f"Pseudo dice of domain {name} {[round(value, 4) for value in curve[-1]]}")
        if self.curves.balanced_dice:
            balanced, worst = self.curves.balanced_dice[-1], self.curves.worst_domain_dice[-1]
            report(f"Balanced dice {round(balanced, 4)}, worst domain {round(worst, 4)}")
        if self.curves.edge_f1:
            report(f"Boundary F1 of the edge heads {round(self.curves.edge_f1[-1], 4)}")

    def log_edge_loss(self, values: Sequence[float], epoch: int, logger: Any) -> None:
        """Log the mean edge loss of an epoch's steps, if there are edge heads."""
        if values:
            self.curves.add_edge_loss(epoch, float(sum(values) / len(values)))
            show_curves(logger, self.curves, "losses", epoch)

    def log_edge_f1(self, value: float, epoch: int) -> None:
        """Log the boundary F1 of the edge heads' maps on the validation patches of an epoch, NaN without heads."""
        if not math.isnan(value):
            self.curves.add_edge_f1(epoch, value)

    def score(self, ema_dice: float, epoch: int) -> float:
        """Return the moving average that chooses the checkpoint or, if there is none, that of the pooled Dice."""
        averages = self._choosing_averages()
        return averages[-1] if len(averages) == epoch + 1 and not math.isnan(averages[-1]) else ema_dice

    def _choosing_averages(self) -> list[float]:
        if self._settings.select_by_worst_domain:
            return self.curves.ema_worst_domain_dice
        return self.curves.ema_balanced_dice if self._settings.select_by_balanced_dice else []

    def checkpoint_entry(self) -> dict[str, Any]:
        """Return names, weights and curves of the domains, and their statistics if they were measured."""
        measured = {} if self.statistics is None else {STATISTICS_KEY: self.statistics.to_dict()}
        curves = self.curves.to_dict()
        return {"domains": list(self.names), "ratios": self._weights, "domain_curves": curves, **measured}

    def restore(self, entry: Mapping[str, Any], report: Report) -> None:
        """Restore the curves of a checkpoint, and report if its domains were different."""
        if not entry:
            report("The checkpoint was written without domains: their curves and the edge heads start from scratch.")
        elif entry.get("domains", list(self.names)) != list(self.names):
            report(f"WARNING: the domains were {', '.join(entry['domains'])}, now they are {', '.join(self.names)}")
        self.curves = DomainCurves.from_dict(entry.get("domain_curves", {}))
