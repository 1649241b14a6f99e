"""One domain or many: the one place of a training that knows the difference (method, sections 2.1 and 3).

`SingleDomain` is stock nnU-Net. `DomainBalance` divides folds, batches and validation by domain. Both answer the same
questions, so that the trainer's hooks need not ask which of the two they have.
"""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnunetv2.domains.domain_splits import check_groups, stratified_splits
from nnunetv2.domains.domain_summary import format_domain_table, write_domain_summary
from nnunetv2.domains.mixing_ratios import MixingRatios, RatioMode, mixing_ratios
from nnunetv2.training.session.domain_curves import DomainCurves
from nnunetv2.training.session.domain_files import DomainFiles
from nnunetv2.training.session.epoch_metrics import Counts
from nnunetv2.utilities.crossval_split import generate_crossval_split
from s1.domain_map import DomainMap, check_cases

Splits = list[dict[str, list[str]]]
Report = Callable[[str], None]


@dataclass(frozen=True)
class DomainBalanceSettings:
    """Which parts of the balance between domains are on."""

    ratio_mode: RatioMode = RatioMode.AUTO
    """Where the mixing ratios come from."""
    balance_batches: bool = True
    """Batch slots go to domains by the ratios; off, cases are drawn as nnU-Net does."""
    use_edge_heads: bool = True
    """Boundary learning, and a Dice that counts the background."""
    select_by_balanced_dice: bool = True
    """The best checkpoint follows the balanced Dice; off, the Dice of all patches together."""
    stratify_splits: bool = True
    """Folds that are made here know domains and groups; off, they are nnU-Net's."""

    @property
    def anything_on(self) -> bool:
        """Tell whether the training differs from the stock one at all."""
        return self.balance_batches or self.use_edge_heads or self.select_by_balanced_dice or self.stratify_splits


class SingleDomain:
    """Stock nnU-Net: nothing is divided."""

    names: tuple[str, ...] = ()
    use_edge_heads = False

    def __init__(self, groups: Mapping[str, str] | None = None, domain_map: DomainMap | None = None):
        """Keep groups for the folds, and domains that only the summary of the final validation shows."""
        self._groups = groups
        self._domain_map = domain_map
        self.train_ratios: dict[str, float] = {}
        """Share of each domain in the batches."""
        self.curves = DomainCurves()

    def make_splits(self, cases: Sequence[str]) -> Splits:
        """Return five folds: nnU-Net's, and where there are groups folds that keep them together."""
        if not self._groups:
            return generate_crossval_split(list(cases), seed=12345, n_splits=5)
        return stratified_splits(cases, DomainMap({"all": tuple(cases)}), self._groups)

    def check_splits(self, splits: Splits, source: str) -> None:
        """Refuse splits that have a group on both sides (DomainMapError)."""
        check_groups(splits, self._groups or {}, source)

    def check_cases(self, cases: Sequence[str]) -> None:
        """Refuse cases that do not match domains.json (DomainMapError)."""

    def begin_fold(self, train_cases: Sequence[str], report: Report) -> None:
        """Take note of the cases that a fold trains on."""

    def case_domains(self, cases: Sequence[str]) -> dict[str, str]:
        """Return case -> domain for the batches of the training; empty where they are drawn as nnU-Net does."""
        return {}

    def validation_parts(self, cases: Sequence[str]) -> dict[str, list[str]]:
        """Return the validation cases of each domain; a single part where domains do not matter."""
        return {"": list(cases)}

    def tag(self, case_keys: Sequence[str]) -> dict[str, list[str]]:
        """Return what a validation step adds to its output so that its domain is known."""
        return {}

    def log_validation(self, counts: Mapping[str, Counts], epoch: int, logger: Any) -> None:
        """Enter the numbers of each domain."""

    def report(self, report: Report) -> None:
        """Report the numbers of each domain that were entered last."""

    def log_edge_loss(self, values: Sequence[float], epoch: int, logger: Any) -> None:
        """Enter the edge loss of an epoch's steps."""

    def score(self, ema_dice: float, epoch: int) -> float:
        """Return what the best checkpoint is chosen by at the end of an epoch."""
        return ema_dice

    def checkpoint_entry(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of the domains."""
        return {}

    def restore(self, entry: Mapping[str, Any], logger: Any, report: Report) -> None:
        """Take over what a checkpoint kept."""

    def summarize(self, validation_folder: str | os.PathLike[str], report: Report) -> None:
        """Write domain_summary.json beside summary.json and report its table, if the data set has domains."""
        if self._domain_map is not None:
            _summarize(validation_folder, self._domain_map, None, report)


class DomainBalance(SingleDomain):
    """Several domains, balanced."""

    def __init__(self, files: DomainFiles, settings: DomainBalanceSettings):
        assert files.domain_map is not None
        super().__init__(files.groups, files.domain_map)
        self._map = files.domain_map
        self._files = files
        self._settings = settings
        self.names = self._map.names
        self.use_edge_heads = settings.use_edge_heads
        all_cases = [case for name in self.names for case in self._map.domains[name]]
        self.ratios = self._mixing_ratios(all_cases).ratios
        """Weights of the domains in every balanced number."""

    def make_splits(self, cases: Sequence[str]) -> Splits:
        """Return five folds that spread every domain evenly and keep groups together."""
        if not self._settings.stratify_splits:
            return generate_crossval_split(list(cases), seed=12345, n_splits=5)
        return stratified_splits(cases, self._map, self._groups)

    def check_splits(self, splits: Splits, source: str) -> None:
        """Refuse splits that have a group on both sides (DomainMapError)."""
        if self._settings.stratify_splits:
            super().check_splits(splits, source)

    def check_cases(self, cases: Sequence[str]) -> None:
        """Refuse cases that do not match domains.json (DomainMapError)."""
        check_cases(self._map, cases, self._files.source)

    def begin_fold(self, train_cases: Sequence[str], report: Report) -> None:
        """Settle the mixing ratios of the fold."""
        mixing = self._mixing_ratios(train_cases)
        self.train_ratios = mixing.ratios
        for name in mixing.left_out:
            report(f"Domain {name} has no training case in this fold: it is left out, the other ratios are rescaled.")
        if self._settings.balance_batches:
            shares = ", ".join(f"{name} {ratio:.4f}" for name, ratio in mixing.ratios.items())
            report(f"Mixing ratios of the domains: {shares} ({mixing.source})")

    def case_domains(self, cases: Sequence[str]) -> dict[str, str]:
        """Return case -> domain for the batches of the training."""
        return {case: self._map.domain_of(case) for case in cases} if self._settings.balance_batches else {}

    def validation_parts(self, cases: Sequence[str]) -> dict[str, list[str]]:
        """Return the validation cases of each domain that has any."""
        parts: dict[str, list[str]] = {}
        for case in cases:
            parts.setdefault(self._map.domain_of(case), []).append(case)
        return {name: parts[name] for name in self.names if name in parts}

    def tag(self, case_keys: Sequence[str]) -> dict[str, list[str]]:
        """Return the domain of a validation batch, which is that of each of its cases."""
        return {"domain": [self._map.domain_of(str(case_keys[0]))]}

    def log_validation(self, counts: Mapping[str, Counts], epoch: int, logger: Any) -> None:
        """Enter Dice of each domain and class, their balanced mean and the worst domain."""
        dice = {name: counts[name].dice() for name in self.names if name in counts}
        self.curves.add_validation(epoch, dice, self.ratios, self.names)
        self._draw("dice", epoch, logger)

    def report(self, report: Report) -> None:
        """Report Dice of each domain and class, their balanced mean and the worst domain."""
        for name, curve in self.curves.dice_per_class.items():
            report(f"Pseudo dice of domain {name} {[round(value, 4) for value in curve[-1]]}")
        if self.curves.balanced_dice:
            balanced, worst = self.curves.balanced_dice[-1], self.curves.worst_domain_dice[-1]
            report(f"Balanced dice {round(balanced, 4)}, worst domain {round(worst, 4)}")

    def log_edge_loss(self, values: Sequence[float], epoch: int, logger: Any) -> None:
        """Enter the mean edge loss of an epoch's steps, if there are edge heads."""
        if values:
            self.curves.add_edge_loss(epoch, float(sum(values) / len(values)))
            self._draw("losses", epoch, logger)

    def _draw(self, group: str, epoch: int, logger: Any) -> None:
        for name, curve in self.curves.drawn()[group].items():
            logger.log_extra(group, name, curve[-1], epoch)

    def score(self, ema_dice: float, epoch: int) -> float:
        """Return the moving average of the balanced Dice, or that of the pooled one where the other does not exist."""
        averages = self.curves.ema_balanced_dice
        if not self._settings.select_by_balanced_dice or len(averages) != epoch + 1 or math.isnan(averages[-1]):
            return ema_dice
        return averages[-1]

    def checkpoint_entry(self) -> dict[str, Any]:
        """Return names, ratios and curves of the domains."""
        return {"domains": list(self.names), "ratios": dict(self.ratios), "domain_curves": self.curves.to_dict()}

    def restore(self, entry: Mapping[str, Any], logger: Any, report: Report) -> None:
        """Take over the curves of a checkpoint, and say so where its domains were others."""
        if not entry:
            report("The checkpoint was written without domains: their curves and the edge heads start anew.")
        elif entry.get("domains", list(self.names)) != list(self.names):
            report(f"WARNING: the domains were {', '.join(entry['domains'])}, now they are {', '.join(self.names)}")
        self.curves = DomainCurves.from_dict(entry.get("domain_curves", {}))
        getattr(logger, "local_logger", logger).load_extra_curves(self.curves.drawn())

    def summarize(self, validation_folder: str | os.PathLike[str], report: Report) -> None:
        """Write domain_summary.json beside summary.json and report its table."""
        _summarize(validation_folder, self._map, self.ratios, report)

    def _mixing_ratios(self, cases: Sequence[str]) -> MixingRatios:
        return mixing_ratios(self._settings.ratio_mode, self._map, cases, self._files.prism_ratios)


def _summarize(
    folder: str | os.PathLike[str], domain_map: DomainMap, ratios: Mapping[str, float] | None, report: Report
) -> None:
    summary, target = (os.path.join(folder, name) for name in ("summary.json", "domain_summary.json"))
    report(f"\n{format_domain_table(write_domain_summary(summary, domain_map, ratios, target))}")


def balance_domains(files: DomainFiles, settings: DomainBalanceSettings) -> SingleDomain:
    """Return what a training does about domains: nothing where there are fewer than two or every part is off."""
    if not files.has_domains:
        return SingleDomain(files.groups)
    if not settings.anything_on:
        return SingleDomain(domain_map=files.domain_map)
    return DomainBalance(files, settings)
