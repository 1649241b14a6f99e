"""Training batches divided among domains by mixing ratios (method, section 2.1), and validation domain by domain."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nnunetv2.domains.batch_apportionment import Apportionment
from nnunetv2.errors import SettingsError
from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader


class BalancedDataLoader(nnUNetDataLoader):
    """A loader that assigns each slot of a batch to a domain and draws the case uniformly from that domain.

    The slots form one endless sequence. A training step takes `slots_per_step` of them, and this rank those from
    `first_slot` on; with n augmentation processes, process w makes the batches of steps w, w + n, w + 2n, ...

    Parameters:
        case_domains: case -> domain, for at least all cases of the dataset.
        ratios: domain -> share of the slots; 0 or absent for domains without a case in the dataset.
        stream: (first_slot, slots_per_step) of this rank; None: it takes all slots of a step.
        options: arguments of nnUNetDataLoader.
    """

    in_turn = True
    """Batches must be used in the order of the steps."""

    def __init__(
        self,
        *args: Any,
        case_domains: Mapping[str, str],
        ratios: Mapping[str, float],
        stream: tuple[int, int] | None = None,
        **options: Any,
    ):
        super().__init__(*args, **options)
        self.cases_of_domain = _cases_of_domains(self.indices, case_domains)
        missing = sorted(name for name, ratio in ratios.items() if ratio > 0 and name not in self.cases_of_domain)
        if missing:
            raise SettingsError(
                f"mixing ratios name domains without a training case: {', '.join(missing)}; leave these domains out"
            )
        slots: tuple[int, int] = (0, self.batch_size) if stream is None else stream
        self.first_slot, self.slots_per_step = slots
        self._apportionment = Apportionment(ratios)
        self._batches_made = 0

    def get_indices(self) -> np.ndarray:
        """Return the cases of the next batch, (B,)."""
        step = self.thread_id + self._batches_made * self.number_of_threads_in_multithreaded
        self._batches_made += 1
        domains = self._apportionment.slots(step * self.slots_per_step + self.first_slot, self.batch_size)
        return np.array([np.random.choice(self.cases_of_domain[domain]) for domain in domains])


class DomainRoundRobin:
    """Takes batches from one loader per domain, so that no batch mixes domains.

    Augmenters use it like a loader: process w of n makes batches w, w + n, ...

    Parameters:
        loaders: domain -> loader; all have the same share of the batches.
        first_batch: number of the first batch, so that the ranks of a distributed training differ.
    """

    in_turn = True
    """Batches must be used in the order in which they are made."""

    def __init__(self, loaders: Mapping[str, nnUNetDataLoader], first_batch: int = 0):
        self.loaders = dict(loaders)
        self.first_batch = first_batch
        self.thread_id = 0
        self.number_of_threads_in_multithreaded = 1
        self._batches_made = 0

    @property
    def transforms(self) -> Any:
        """The transforms of the first loader; all loaders have the same."""
        return next(iter(self.loaders.values())).transforms

    @property
    def announce_case(self) -> Any:
        """The function that the loaders call with a case's name before loading it."""
        return next(iter(self.loaders.values())).announce_case

    @announce_case.setter
    def announce_case(self, announce: Any) -> None:
        for loader in self.loaders.values():
            loader.announce_case = announce

    def set_thread_id(self, thread_id: int) -> None:
        """Set the number of this augmentation process."""
        self.thread_id = thread_id

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        batch_number = self.thread_id + self._batches_made * self.number_of_threads_in_multithreaded
        self._batches_made += 1
        return next(list(self.loaders.values())[(self.first_batch + batch_number) % len(self.loaders)])


def _cases_of_domains(cases: Sequence[str], case_domains: Mapping[str, str]) -> dict[str, list[str]]:
    unknown = [case for case in cases if case not in case_domains]
    if unknown:
        named = ", ".join(unknown[:10]) + (", ..." if len(unknown) > 10 else "")
        raise SettingsError(f"training cases without a domain ({len(unknown)}): {named}; add them to domains.json")
    grouped: dict[str, list[str]] = {}
    for case in cases:
        grouped.setdefault(case_domains[case], []).append(case)
    return grouped
