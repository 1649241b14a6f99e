"""Validation batches, domain by domain."""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from typing import Any

from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader
from nnunetv2.training.dataloading.seeded_batches import BatchStreams


class DomainRoundRobin:
    """Takes batches from one loader per domain, so that no batch mixes domains.

    Augmenters use it like a loader: process w of n makes batches w, w + n, ...

    Parameters:
        loaders: domain -> loader; all have the same share of the batches.
        first_batch: number of the first batch, so that the ranks of a distributed training differ.
    """

    in_turn = True
    """Batches must be used in the order in which they are made."""

    batch_streams: BatchStreams | None = None
    """The random streams of the next batch, if the training has a seed."""

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
        loader = list(self.loaders.values())[(self.first_batch + self._batch_number()) % len(self.loaders)]
        self._batches_made += 1
        if self.batch_streams is not None:
            loader.batch_streams = self.batch_streams
        return next(loader)

    def _batch_number(self) -> int:
        if self.batch_streams is not None:
            return self.batch_streams.number
        return self.thread_id + self._batches_made * self.number_of_threads_in_multithreaded


def restricted(dataset: Any, cases: Sequence[str]) -> Any:
    """Return a dataset like `dataset` of some of its cases."""
    part = copy(dataset)
    part.identifiers = list(cases)
    return part
