"""Training batches divided among domains by mixing ratios (method, section 2.1)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnunetv2.domains.batch_apportionment import Apportionment
from nnunetv2.errors import SettingsError
from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader
from nnunetv2.training.dataloading.shared_ratios import SharedRatios

_WAYS_OUT = "set balance_batches = False in the trainer to train with it and without the ratios"


class BalancedDataLoader(nnUNetDataLoader):
    """A loader that assigns each slot of a batch to a domain and draws the case from that domain.

    Cases of a domain are equally likely, or as likely as the loader's `sampling_probabilities` make them.

    The slots form one endless sequence. A training step takes `slots_per_step` of them, and this rank those from
    `first_slot` on; with n augmentation processes, process w makes the batches of steps w, w + n, w + 2n, ...

    Parameters:
        case_domains: case -> domain, for at least all cases of the dataset.
        ratios: domain -> share of the slots; 0 or absent for domains without a case in the dataset. If they change,
            a new sequence begins with the next batch.
        stream: (first_slot, slots_per_step) of this rank; None: it takes all slots of a step.
        options: arguments of nnUNetDataLoader.
    """

    in_turn = True
    """Batches must be used in the order of the steps."""

    loader_class: type[nnUNetDataLoader] = nnUNetDataLoader
    """The class that loads the cases."""

    def __init__(
        self,
        *args: Any,
        case_domains: Mapping[str, str],
        ratios: Mapping[str, float],
        stream: tuple[int, int] | None = None,
        **options: Any,
    ):
        super().__init__(*args, **options)
        self._case_domains = case_domains
        self._ratios = ratios
        self._group_cases()
        slots: tuple[int, int] = (0, self.batch_size) if stream is None else stream
        self.first_slot, self.slots_per_step = slots
        self._batches_made = 0
        self._apportion()

    def _apportion(self) -> None:
        """Begin a sequence of slots; processes that do so in the same round of steps begin at the same step."""
        self._apportioned = dict(self._ratios)
        self._apportionment = Apportionment(self._apportioned)
        self._first_round = self._batches_made

    def __reduce__(self) -> tuple[Any, ...]:
        return _empty_loader, (self.loader_class,), vars(self)

    def _group_cases(self) -> None:
        self._grouped = list(self.indices)
        self.cases_of_domain = _cases_of_domains(self._grouped, self._case_domains)
        missing = sorted(name for name, ratio in self._ratios.items() if ratio > 0 and name not in self.cases_of_domain)
        if missing:
            raise SettingsError(
                f"mixing ratios name domains without a training case: {', '.join(missing)}; leave these domains out"
            )

    def generate_train_batch(self) -> dict[str, Any]:
        """Make the next batch. Raises SettingsError if the loader class chose its cases without `get_indices`."""
        before = self._batches_made
        batch = super().generate_train_batch()
        if self._batches_made == before:
            raise SettingsError(
                f"{self.loader_class.__name__}.generate_train_batch chooses cases without self.get_indices(), so that "
                f"the domains' mixing ratios have no effect; {_WAYS_OUT}"
            )
        return batch

    def get_indices(self) -> np.ndarray:
        """Return the cases of the next batch, (B,)."""
        if list(self.indices) != self._grouped:
            self._group_cases()
        streams = self.batch_streams
        first_step = 0 if streams is None else self._wait_for_ratios(streams.number)
        if dict(self._ratios) != self._apportioned:
            self._apportion()
        self._batches_made += 1
        if streams is not None:
            step = streams.number - first_step
            return streams.own_cases(lambda count: self._drawn(step * count, count), self.batch_size)
        rounds = self._batches_made - 1 - self._first_round
        step = self.thread_id + rounds * self.number_of_threads_in_multithreaded
        return np.array(self._drawn(step * self.slots_per_step + self.first_slot, self.batch_size))

    def announce_need(self, step: int) -> None:
        """Let the present ratios hold at a step for whose batch the training waits, see SharedRatios.prolong."""
        if isinstance(self._ratios, SharedRatios):
            self._ratios.prolong(step)

    def _wait_for_ratios(self, step: int) -> int:
        """Return the first step of the ratios that hold at a step; waits for them if they follow the training."""
        return self._ratios.wait_for(step) if isinstance(self._ratios, SharedRatios) else 0

    def _drawn(self, first_slot: int, count: int) -> list[str]:
        return [self._draw(domain) for domain in self._apportionment.slots(first_slot, count)]

    def _draw(self, domain: str) -> str:
        cases = self.cases_of_domain[domain]
        if self.sampling_probabilities is None:
            return np.random.choice(cases)
        probabilities = dict(zip(self.indices, self.sampling_probabilities, strict=True))
        weights = np.array([probabilities[case] for case in cases], float)
        if weights.sum() <= 0:
            raise SettingsError(
                f"domain {domain} has a mixing ratio, but all its cases have the sampling probability 0"
            )
        return np.random.choice(cases, p=weights / weights.sum())


def balanced_class(loader_class: Any) -> type[BalancedDataLoader]:
    """Return BalancedDataLoader or, for another class of loaders, the same on top of that class.

    Raises SettingsError for what is no subclass of nnUNetDataLoader, and for a class with its own `get_indices`: it
    would choose the cases instead of the mixing ratios.
    """
    if loader_class is nnUNetDataLoader:
        return BalancedDataLoader
    if not isinstance(loader_class, type) or not issubclass(loader_class, nnUNetDataLoader):
        raise SettingsError(
            f"nnUNetDataLoader was replaced by {loader_class!r}, expected a subclass of it: on a dataset with domains "
            f"the mixing ratios choose its cases; {_WAYS_OUT}"
        )
    if loader_class.get_indices is not nnUNetDataLoader.get_indices:
        raise SettingsError(
            f"nnUNetDataLoader was replaced by {loader_class.__name__}, whose get_indices chooses the cases of a batch "
            "as the domains' mixing ratios do; give it sampling_probabilities, which hold within each domain, or "
            f"{_WAYS_OUT}"
        )
    return type(f"Balanced{loader_class.__name__}", (BalancedDataLoader, loader_class), {"loader_class": loader_class})


def _empty_loader(loader_class: type[nnUNetDataLoader]) -> BalancedDataLoader:
    """Return a loader without attributes, for unpickling: classes made on the spot cannot be pickled by name."""
    kind = balanced_class(loader_class)
    return kind.__new__(kind)


def _cases_of_domains(cases: Sequence[str], case_domains: Mapping[str, str]) -> dict[str, list[str]]:
    unknown = [case for case in cases if case not in case_domains]
    if unknown:
        named = ", ".join(unknown[:10]) + (", ..." if len(unknown) > 10 else "")
        raise SettingsError(f"training cases without a domain ({len(unknown)}): {named}; add them to domains.json")
    grouped: dict[str, list[str]] = {}
    for case in cases:
        grouped.setdefault(case_domains[case], []).append(case)
    return grouped
