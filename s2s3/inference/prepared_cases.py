"""Items for prediction, and an iterator over cases, preprocessed in worker processes or one at a time in this process.

An item is a dict of `data`, a float32 tensor (C, x, y, z) with the one-hot previous stage appended, or a StoredPlane if
the case is predicted in stripes; `data_properties`, which the export needs; and `ofile`, the output name without
ending, or None.
"""

import tempfile
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from batchgenerators.dataloading.multi_threaded_augmenter import MultiThreadedAugmenter

from nnunetv2.errors import DiskFullError
from nnunetv2.foundation.torch_threads import threads_in_use
from nnunetv2.foundation.workers import Task, WorkerPool
from nnunetv2.inference.array_handoff import hand_over
from nnunetv2.inference.case_preparation import prepare_in_worker, taken
from nnunetv2.inference.export_queue import raise_failures
from nnunetv2.preprocessing.stored_plane import StoredPlane
from s1.partial_files import partial_folder

Item = dict[str, Any]


@dataclass(frozen=True)
class CaseToPrepare:
    """A case to prepare: its name for messages, the arguments of `prepare`, its output name without ending."""

    name: str
    arguments: tuple[Any, ...]
    ofile: str | None


def make_item(data: np.ndarray | StoredPlane, properties: dict[str, Any], ofile: str | None) -> Item:
    """Return an item: `data` as a contiguous float32 tensor unless it is a plane, `data_properties` and `ofile`."""
    if isinstance(data, StoredPlane):
        return {"data": data, "data_properties": properties, "ofile": ofile}
    tensor = torch.from_numpy(np.ascontiguousarray(data, dtype=np.float32))
    return {"data": tensor, "data_properties": properties, "ofile": ofile}


def _item_of(task: Task, ofile: str | None) -> Item:
    """Return the item of a finished task, which forgets it: only who takes the item keeps its data in memory."""
    (data, properties), task.result = task.result, None
    return make_item(taken(data), properties, ofile)


class WatchedItems(Iterator[Item]):
    """Items that are made in the background, which has to be watched while other items are predicted."""

    @abstractmethod
    def poll(self) -> None:
        """Go on with the work in the background, without blocking. Raises WorkerDiedError if a worker was killed."""

    @abstractmethod
    def close(self) -> None:
        """End the work in the background; items not yet yielded are dropped."""


def end_items(items: Iterable[Item]) -> None:
    """End the work in the background of an iterator over items, if it has any: ours, or a client's augmenter."""
    if isinstance(items, WatchedItems):
        items.close()
    elif isinstance(items, MultiThreadedAugmenter):
        items._finish()


class PreparedCases(WatchedItems):
    """Yields prepared cases in the given order; failing cases are skipped and raised after the last one.

    A full disk is raised at once.

    Parameters:
        prepare: a function of `case_preparation`.
        num_workers: processes, at most one per case; 0 prepares in this process.
    """

    def __init__(
        self,
        prepare: Callable[..., tuple[np.ndarray | StoredPlane, dict[str, Any]]],
        cases: Sequence[CaseToPrepare],
        num_workers: int,
    ):
        self._prepare = prepare
        self._pool = WorkerPool(min(num_workers, len(cases)), busy_cpus=threads_in_use())
        self._items = self._iterate(deque(cases))

    def __next__(self) -> Item:
        return next(self._items)

    def poll(self) -> None:
        """Start waiting cases and check the workers."""
        self._pool.poll()

    def close(self) -> None:
        """Stop the workers."""
        self._items.close()

    def _iterate(self, waiting: deque[CaseToPrepare]) -> Generator[Item, None, None]:
        failures: list[BaseException] = []
        running: deque[tuple[Task, CaseToPrepare]] = deque()
        with ExitStack() as stack:
            stack.enter_context(self._pool)
            folder = ""
            if self._pool.num_workers > 0:
                folder = str(stack.enter_context(partial_folder(tempfile.gettempdir())))
            while waiting or running:
                while waiting and len(running) <= self._pool.num_workers:
                    running.append((self._submit(waiting[0], folder), waiting.popleft()))
                task, case = running.popleft()
                self._wait_for(task)
                if isinstance(task.error, DiskFullError):
                    raise task.error
                if task.error is not None:
                    failures.append(task.error)
                    continue
                yield _item_of(task, case.ofile)
        raise_failures(failures)

    def _submit(self, case: CaseToPrepare, folder: str) -> Task:
        if self._pool.num_workers == 0:
            return self._pool.submit(case.name, self._prepare, *case.arguments)
        handed = [hand_over(value, folder) if isinstance(value, np.ndarray) else value for value in case.arguments]
        return self._pool.submit(case.name, prepare_in_worker, folder, self._prepare, *handed)

    def _wait_for(self, task: Task) -> None:
        while not task.finished:
            self._pool.wait(unfinished_at_most=self._pool.unfinished - 1)
