"""Batches that follow a seed: each has random streams of its own, whichever process makes it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnunetv2.foundation.random_streams import RandomStreams


@dataclass(frozen=True)
class BatchStreams:
    """The random streams of one batch: one for its cases, and one for the patch in each slot."""

    streams: RandomStreams
    purpose: str
    number: int
    """Of the batch, counted from the first one of the training."""
    first_slot: int = 0
    """Of this rank in a batch of all ranks."""
    slots: int = 1
    """Of a batch of all ranks."""

    def own_cases(self, draw: Callable[[int], Sequence[Any] | np.ndarray], count: int) -> np.ndarray:
        """Return the cases for this rank's slots, (count,), where `draw` draws those of all `slots`."""
        with self.streams.stream(f"{self.purpose} cases", self.number):
            return np.asarray(draw(self.slots))[self.first_slot : self.first_slot + count]

    def sample(self, number: int) -> AbstractContextManager[None]:
        """Return the context in which patch and augmentation of a sample of this rank are drawn."""
        return self.streams.stream(f"{self.purpose} patch", self.number, self.first_slot + number)

    def whole(self) -> AbstractContextManager[None]:
        """Return the context for what loaders draw beside that."""
        return self.streams.stream(f"{self.purpose} batch", self.number, self.first_slot)


class SeededBatches:
    """Gives each batch of a loader its random streams.

    Augmenters use it like a loader: with n processes, process w makes batches first, first + n, first + 2n, ..., where
    first is `first_batch` + w.

    Parameters:
        loader: gets an attribute `batch_streams`, which our own loaders obey; others follow the seed batch by batch.
        purpose: "training" or "validation".
        first_batch: number of the first batch, counted from the first one of the training.
        share: (first_slot, slots) of this rank, see BatchStreams.
    """

    in_turn = True
    """Batches must be used in the order of their numbers."""

    def __init__(self, loader: Any, streams: RandomStreams, purpose: str, first_batch: int, share: tuple[int, int]):
        self.loader = loader
        self.thread_id = 0
        self.number_of_threads_in_multithreaded = 1
        self._streams = streams
        self._purpose = purpose
        self._first_batch = first_batch
        self._share = share
        self._batches_made = 0

    @property
    def transforms(self) -> Any:
        """The transforms of the loader."""
        return getattr(self.loader, "transforms", None)

    @property
    def announce_case(self) -> Any:
        """The function that the loader calls with a case's name before loading it."""
        return self.loader.announce_case

    @announce_case.setter
    def announce_case(self, announce: Any) -> None:
        self.loader.announce_case = announce

    def announce_need(self, turn: int) -> None:
        """Say in the training's process that it waits for the batch with this number, counted from the first one."""
        announce = getattr(self.loader, "announce_need", None)
        if announce is not None:
            announce(self._first_batch + turn)

    def set_thread_id(self, thread_id: int) -> None:
        """Set the number of this augmentation process."""
        self.thread_id = thread_id

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        turn = self.thread_id + self._batches_made * self.number_of_threads_in_multithreaded
        self._batches_made += 1
        batch = BatchStreams(self._streams, self._purpose, self._first_batch + turn, *self._share)
        self.loader.batch_streams = batch
        with batch.whole():
            return next(self.loader)
