"""Training on one domain or on several (method, sections 2.1 and 3).

`SingleDomain` is stock nnU-Net. `DomainBalance` divides folds, batches and validation by domain. Both have the same
interface, so the trainer's hooks need not know which of the two they have.
"""

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnunetv2.domains.dataset_domains import DatasetDomains
from nnunetv2.domains.domain_splits import check_groups, stratified_splits
from nnunetv2.domains.domain_statistics import DomainStatistics
from nnunetv2.domains.domain_summary import format_domain_table, write_domain_summary
from nnunetv2.domains.mixing_ratios import MixingRatios, RatioMode, mixing_ratios
from nnunetv2.errors import InvalidValueError
from nnunetv2.training.dataloading.shared_ratios import SharedRatios
from nnunetv2.training.session.domain_colours import measure_colours
from nnunetv2.training.session.domain_curves import DomainCurves
from nnunetv2.training.session.epoch_metrics import UNKNOWN_DOMAIN, Counts
from nnunetv2.utilities.checkpoint_entries import STATISTICS_KEY
from nnunetv2.utilities.crossval_split import generate_crossval_split
from s1.domain_map import DomainMap

_FOLDS = 5

Splits = list[dict[str, list[str]]]
Report = Callable[[str], None]


@dataclass(frozen=True)
class DomainBalanceSettings:
    """Which parts of domain balancing are on."""

    ratio_mode: RatioMode = RatioMode.AUTO
    """The source of the mixing ratios."""
    balance_batches: bool = True
    """Assign batch slots to domains by the ratios; otherwise draw cases as nnU-Net does."""
    use_edge_heads: bool = True
    """Learn boundaries, with a Dice that includes the background."""
    select_by_balanced_dice: bool = True
    """Choose the best checkpoint by the balanced Dice; otherwise by the Dice of all patches together."""
    stratify_splits: bool = True
    """Make folds that respect domains and groups; otherwise nnU-Net's folds."""
    select_by_worst_domain: bool = False
    """Choose the best checkpoint by the Dice of the worst domain, whatever `select_by_balanced_dice` is."""

    @property
    def anything_on(self) -> bool:
        """Tell whether the training differs from the stock one at all."""
        selects = self.select_by_balanced_dice or self.select_by_worst_domain
        return self.balance_batches or self.use_edge_heads or selects or self.stratify_splits


class SingleDomain:
    """Stock nnU-Net: nothing is divided by domain."""

    names: tuple[str, ...] = ()
    use_edge_heads = False
    statistics: DomainStatistics | None = None
    """How images of each domain look; None if that was not measured."""

    def __init__(self, dataset: DatasetDomains = DatasetDomains(), groups: Mapping[str, str] | None = None):  # noqa: B008
        """Store groups for the folds, and domains that are only used in the summary of the final validation."""
        self._dataset = dataset
        self._groups = groups
        self.train_ratios: Mapping[str, float] = {}
        """Share of each domain in the batches; empty if they are drawn as in nnU-Net."""
        self.curves = DomainCurves()

    def make_splits(
        self, cases: Sequence[str], plain_splits: Callable[..., Splits] = generate_crossval_split
    ) -> Splits:
        """Return five folds, fewer for few cases: `plain_splits` or, if there are groups, folds with whole groups."""
        if not self._groups:
            return plain_splits(list(cases), seed=12345, n_splits=_number_of_folds(cases))
        return stratified_splits(cases, DomainMap({"all": tuple(cases)}), self._groups, _number_of_folds(cases))

    def check_splits(self, splits: Splits, source: str) -> None:
        """Raise DomainMapError for splits with a group in both training and validation."""
        check_groups(splits, self._groups or {}, source)

    def check_cases(self, cases: Sequence[str]) -> None:
        """Raise DomainMapError for cases that do not match domains.json and groups.json, as far as they exist."""
        self._dataset.check(cases)

    def begin_fold(self, train_cases: Sequence[str], report: Report) -> None:
        """Prepare for the training cases of a fold."""

    def measure(self, dataset: Any) -> None:
        """Measure the domains of a dataset's cases, so that predictions can tell which of them an image is like."""

    def case_domains(self, cases: Sequence[str]) -> dict[str, str]:
        """Return case -> domain for training batches; empty if they are drawn as in nnU-Net."""
        return {}

    def validation_parts(self, cases: Sequence[str]) -> dict[str, list[str]]:
        """Return the validation cases of each domain; a single part if there are none."""
        return {"": list(cases)}

    def domains_of(self, case_keys: Iterable[str]) -> list[str]:
        """Return the domain of each case of a batch, UNKNOWN_DOMAIN for cases without one."""
        return [UNKNOWN_DOMAIN for _ in case_keys]

    def change_train_ratios(self, ratios: Mapping[str, float]) -> None:
        """Give the batches that are made from now on other shares of the same domains."""
        if isinstance(self.train_ratios, SharedRatios):
            self.train_ratios.set(ratios)

    def tag(self, case_keys: Iterable[str]) -> dict[str, list[str]]:
        """Return an entry for the output of a validation step that names its domain; empty for one domain."""
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

    def restore(self, entry: Mapping[str, Any], logger: Any, report: Report) -> None:
        """Restore the entry for domains of a checkpoint."""

    def summarize(self, validation_folder: str | os.PathLike[str], report: Report) -> None:
        """Write domain_summary.json next to summary.json and report its table, if the dataset has domains."""
        if self._dataset.names:
            content = write_domain_summary(os.path.join(validation_folder, "summary.json"), self._dataset)
            report(f"\n{format_domain_table(content)}")


class DomainBalance(SingleDomain):
    """Several domains, balanced."""

    def __init__(self, dataset: DatasetDomains, settings: DomainBalanceSettings):
        super().__init__(dataset, dataset.groups)
        self._map = dataset.required_map
        self._settings = settings
        self._weights = dataset.evaluation_weights
        self.names = dataset.names
        self.use_edge_heads = settings.use_edge_heads

    def make_splits(
        self, cases: Sequence[str], plain_splits: Callable[..., Splits] = generate_crossval_split
    ) -> Splits:
        """Return five folds that spread every domain evenly and keep groups together."""
        if not self._settings.stratify_splits:
            return plain_splits(list(cases), seed=12345, n_splits=_number_of_folds(cases))
        return stratified_splits(cases, self._map, self._groups, _number_of_folds(cases))

    def check_splits(self, splits: Splits, source: str) -> None:
        """Raise DomainMapError for splits with a group in both training and validation."""
        if self._settings.stratify_splits:
            super().check_splits(splits, source)

    def begin_fold(self, train_cases: Sequence[str], report: Report) -> None:
        """Compute the mixing ratios of the fold."""
        mixing = self._mixing_ratios(train_cases)
        if self._dataset.prism_is_outdated and mixing.mode is RatioMode.PRISM:
            report(
                "WARNING: domains.json has changed since stage 1 measured the domains; run `drift prism` again, then "
                "`nnUNetv2_preprocess`"
            )
        for name in mixing.left_out:
            report(f"Domain {name} has no training case in this fold; it is left out, the other ratios are rescaled.")
        if self._settings.balance_batches:
            self.train_ratios = SharedRatios(mixing.ratios)
            shares = ", ".join(f"{name} {ratio:.4f}" for name, ratio in mixing.ratios.items())
            report(f"Mixing ratios of the domains: {shares} ({mixing.source})")

    def measure(self, dataset: Any) -> None:
        """Measure the colours of the domains, unless they are unknown or the cases too few."""
        self.statistics = measure_colours(dataset, self._map, self._groups)

    def case_domains(self, cases: Sequence[str]) -> dict[str, str]:
        """Return case -> domain for training batches."""
        return {case: self._map.domain_of(case) for case in cases} if self._settings.balance_batches else {}

    def validation_parts(self, cases: Sequence[str]) -> dict[str, list[str]]:
        """Return the validation cases of each domain that has any."""
        parts: dict[str, list[str]] = {}
        for case in cases:
            parts.setdefault(self._map.domain_of(case), []).append(case)
        return {name: parts[name] for name in self.names if name in parts}

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
        self._draw("dice", epoch, logger)

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
            self._draw("losses", epoch, logger)

    def log_edge_f1(self, value: float, epoch: int) -> None:
        """Log the boundary F1 of the edge heads' maps on the validation patches of an epoch, NaN without heads."""
        if not math.isnan(value):
            self.curves.add_edge_f1(epoch, value)

    def _draw(self, group: str, epoch: int, logger: Any) -> None:
        for name, curve in self.curves.drawn()[group].items():
            logger.log_extra(group, name, curve[-1], epoch)

    def score(self, ema_dice: float, epoch: int) -> float:
        """Return the moving average that chooses the checkpoint or, if there is none, that of the pooled Dice."""
        averages = self._choosing_averages()
        return averages[-1] if len(averages) == epoch + 1 and not math.isnan(averages[-1]) else ema_dice

    def _choosing_averages(self) -> list[float]:
        if self._settings.select_by_worst_domain:
            return self.curves.ema_worst_domain_dice
        return self.curves.ema_balanced_dice if self._settings.select_by_balanced_dice else []

    def checkpoint_entry(self) -> dict[str, Any]:
        """Return names, ratios and curves of the domains, and their statistics if they were measured."""
        measured = {} if self.statistics is None else {STATISTICS_KEY: self.statistics.to_dict()}
        curves = self.curves.to_dict()
        return {"domains": list(self.names), "ratios": self._weights, "domain_curves": curves, **measured}

    def restore(self, entry: Mapping[str, Any], logger: Any, report: Report) -> None:
        """Restore the curves of a checkpoint, and report if its domains were different."""
        if not entry:
            report("The checkpoint was written without domains: their curves and the edge heads start from scratch.")
        elif entry.get("domains", list(self.names)) != list(self.names):
            report(f"WARNING: the domains were {', '.join(entry['domains'])}, now they are {', '.join(self.names)}")
        self.curves = DomainCurves.from_dict(entry.get("domain_curves", {}))
        getattr(logger, "local_logger", logger).load_extra_curves(self.curves.drawn())

    def _mixing_ratios(self, cases: Sequence[str]) -> MixingRatios:
        return mixing_ratios(self._settings.ratio_mode, self._map, cases, self._dataset.prism_ratios)


def balance_domains(dataset: DatasetDomains, settings: DomainBalanceSettings) -> SingleDomain:
    """Return the DomainBalance of a training, or SingleDomain for fewer than two domains or with every part off."""
    dataset = dataset.without_single_domain()
    if not dataset.names:
        return SingleDomain(dataset, dataset.groups)
    return DomainBalance(dataset, settings) if settings.anything_on else SingleDomain(dataset)


def _number_of_folds(cases: Sequence[str]) -> int:
    """Return five, as in nnU-Net, which cannot divide fewer cases; each of these gets a fold of its own."""
    if len(cases) < 2:
        raise InvalidValueError(f"{len(cases)} case(s) cannot be divided into folds; train with fold all")
    return min(_FOLDS, len(cases))
