"""What a training draws: folds, the cases of its batches, and validation batches (method, sections 2.1 and 3)."""

from collections.abc import Callable, Mapping, Sequence

from nnunetv2.domains.dataset_domains import DatasetDomains
from nnunetv2.domains.domain_splits import check_groups, stratified_splits
from nnunetv2.domains.mixing_ratios import MixingRatios, RatioMode, choose_ratios
from nnunetv2.errors import InvalidValueError
from nnunetv2.training.dataloading.shared_ratios import SharedRatios
from nnunetv2.training.domain_balance.balance_settings import DomainBalanceSettings
from nnunetv2.utilities.crossval_split import generate_crossval_split
from s1.domain_map import DomainMap

_FOLDS = 5

Splits = list[dict[str, list[str]]]
Report = Callable[[str], None]


class StockSampling:
    """Draws as stock nnU-Net does.

    Parameters:
        groups: case -> patient or slide, kept together in the folds; without any, the folds are nnU-Net's.
    """

    train_ratios: Mapping[str, float] = {}
    """Share of each domain in the batches; empty if they are drawn as in nnU-Net."""

    def __init__(self, groups: Mapping[str, str] | None = None):
        self._groups = groups or {}

    def make_splits(
        self, cases: Sequence[str], plain_splits: Callable[..., Splits] = generate_crossval_split
    ) -> Splits:
        """Return five folds, fewer for few cases: `plain_splits` or, if there are groups, folds with whole groups."""
        if not self._groups:
            return plain_splits(list(cases), seed=12345, n_splits=_number_of_folds(cases))
        return stratified_splits(cases, DomainMap({"all": tuple(cases)}), self._groups, _number_of_folds(cases))

    def check_splits(self, splits: Splits, source: str) -> None:
        """Raise DomainMapError for splits with a group in both training and validation."""
        check_groups(splits, self._groups, source)

    def begin_fold(self, train_cases: Sequence[str], report: Report) -> None:
        """Prepare for the training cases of a fold."""

    def case_domains(self, cases: Sequence[str]) -> dict[str, str]:
        """Return case -> domain for training batches; empty if they are drawn as in nnU-Net."""
        return {}

    def validation_parts(self, cases: Sequence[str]) -> dict[str, list[str]]:
        """Return the validation cases of each domain; a single part if there are none."""
        return {"": list(cases)}

    def change_train_ratios(self, ratios: Mapping[str, float], steps: range) -> None:
        """Give the batches that are made from now on other shares of the same domains."""


class DomainSampling:
    """Draws by domain, as far as the settings say.

    Raises SettingsError or DomainMapError if batches are to be balanced by ratios that do not exist.
    """

    def __init__(self, dataset: DatasetDomains, settings: DomainBalanceSettings):
        self._dataset = dataset
        self._map = dataset.required_map
        self._settings = settings
        self.train_ratios: Mapping[str, float] = {}
        """Share of each domain in the batches; empty if they are drawn as in nnU-Net."""
        if settings.balance_batches:
            self._mixing_ratios(list(self._map.domain_by_case))

    def make_splits(
        self, cases: Sequence[str], plain_splits: Callable[..., Splits] = generate_crossval_split
    ) -> Splits:
        """Return five folds that keep groups together and, if they are stratified, spread every domain evenly."""
        if not self._settings.stratify_splits:
            return StockSampling(self._dataset.groups).make_splits(cases, plain_splits)
        return stratified_splits(cases, self._map, self._dataset.groups, _number_of_folds(cases))

    def check_splits(self, splits: Splits, source: str) -> None:
        """Raise DomainMapError for splits with a group in both training and validation."""
        check_groups(splits, self._dataset.groups, source)

    def begin_fold(self, train_cases: Sequence[str], report: Report) -> None:
        """Compute the mixing ratios of the fold, if batches are balanced."""
        if not self._settings.balance_batches:
            return
        mixing = self._mixing_ratios(train_cases)
        if self._dataset.prism_is_outdated and mixing.mode is RatioMode.PRISM:
            report(
                "WARNING: domains.json has changed since stage 1 measured the domains; run `drift prism` again, then "
                "`nnUNetv2_preprocess`"
            )
        for name in mixing.left_out:
            report(f"Domain {name} has no training case in this fold; it is left out, the other ratios are rescaled.")
        self.train_ratios = SharedRatios(mixing.ratios)
        shares = ", ".join(f"{name} {ratio:.4f}" for name, ratio in mixing.ratios.items())
        report(f"Mixing ratios of the domains: {shares} ({mixing.source})")

    def case_domains(self, cases: Sequence[str]) -> dict[str, str]:
        """Return case -> domain for training batches; empty if they are drawn as in nnU-Net."""
        return {case: self._map.domain_of(case) for case in cases} if self._settings.balance_batches else {}

    def validation_parts(self, cases: Sequence[str]) -> dict[str, list[str]]:
        """Return the validation cases of each domain that has any."""
        parts: dict[str, list[str]] = {}
        for case in cases:
            parts.setdefault(self._map.domain_of(case), []).append(case)
        return {name: parts[name] for name in self._map.names if name in parts}

    def change_train_ratios(self, ratios: Mapping[str, float], steps: range) -> None:
        """Give the batches that are made from now on other shares of the same domains, also in other processes.

        With a seed: exactly the batches of the training steps `steps`, and no others are made before the next change.
        """
        if isinstance(self.train_ratios, SharedRatios):
            self.train_ratios.set(ratios, steps)

    def _mixing_ratios(self, cases: Sequence[str]) -> MixingRatios:
        return choose_ratios(self._settings.ratio_mode, self._map, cases, self._dataset.prism_ratios)


def _number_of_folds(cases: Sequence[str]) -> int:
    """Return five, as in nnU-Net, which cannot divide fewer cases; each of these gets a fold of its own."""
    if len(cases) < 2:
        raise InvalidValueError(f"{len(cases)} case(s) cannot be divided into folds; train with fold all")
    return min(_FOLDS, len(cases))
