"""The thread that collects batches from augmentation processes and notices when one fails or dies."""

import multiprocessing.connection
import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from batchgenerators.dataloading.nondet_multi_threaded_augmenter import pin_memory_of_all_eligible_items_in_dict

from nnunetv2.errors import CaseFailedError, WorkerDiedError
from nnunetv2.foundation.workers import describe_exit
from nnunetv2.training.dataloading.augmentation_worker import Failure, read_case

BATCHES_UNDER_WAY_PER_WORKER = 2
SECONDS_BETWEEN_CHECKS = 0.1
SECONDS_TO_DIE = 2.0


@dataclass(eq=False)
class Worker:
    """An augmentation process, our end of its pipe, and the shared bytes that hold its current case."""

    process: Any
    connection: Any
    case: Any


class BatchReceiver(threading.Thread):
    """Fills `batches`; at the first failure it sets `failure`, puts None into `batches` and ends.

    Parameters:
        num_cached: maximum number of batches kept ready.
        in_turn: take batches from process 0, 1, ..., n - 1, 0, ... instead of in order of arrival.
        pinning_device: CUDA device that batches are pinned for; None: no pinning.
    """

    def __init__(self, workers: Sequence[Worker], num_cached: int, in_turn: bool, pinning_device: int | None):
        super().__init__(name="receiver of augmented batches", daemon=True)
        self.workers = workers
        self.batches: queue.Queue[dict[str, Any] | None] = queue.Queue(num_cached)
        self.failure: BaseException | None = None
        self.stopping = threading.Event()
        self._in_turn = in_turn
        self._pinning_device = pinning_device

    def run(self) -> None:
        """Collect until `stopping` is set or something fails."""
        try:
            self._collect()
        except Exception as error:
            self.failure = error
            with suppress(queue.Full):
                self.batches.put_nowait(None)

    def _collect(self) -> None:
        if self._pinning_device is not None:
            import torch

            torch.cuda.set_device(self._pinning_device)
        for worker in self.workers:
            for _ in range(BATCHES_UNDER_WAY_PER_WORKER):
                _ask(worker)
        for worker in self._ready_workers():
            batch = _receive(worker)
            if self._pinning_device is not None:
                batch = pin_memory_of_all_eligible_items_in_dict(batch)
            self._put(batch)
            _ask(worker)

    def _ready_workers(self) -> Iterator[Worker]:
        """Yield workers that have answered or, if there are none, those that have ended."""
        turn = 0
        by_sentinel = {worker.process.sentinel: worker for worker in self.workers}
        while not self.stopping.is_set():
            asked = [self.workers[turn % len(self.workers)]] if self._in_turn else self.workers
            by_connection = {worker.connection: worker for worker in asked}
            ready = multiprocessing.connection.wait([*by_connection, *by_sentinel], timeout=SECONDS_BETWEEN_CHECKS)
            answered = [by_connection[end] for end in by_connection if end in ready]
            ended = [by_sentinel[end] for end in by_sentinel if end in ready]
            for worker in answered or ended:
                turn += 1
                yield worker

    def _put(self, batch: dict[str, Any]) -> None:
        while not self.stopping.is_set():
            with suppress(queue.Full):
                self.batches.put(batch, timeout=SECONDS_BETWEEN_CHECKS)
                return
            if any(worker.process.exitcode is not None for worker in self.workers):
                return  # report the failure instead of this batch


def _ask(worker: Worker) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # the last answer of an ended process is read later
        worker.connection.send(None)


def _receive(worker: Worker) -> dict[str, Any]:
    try:
        item = worker.connection.recv()
    except Exception as error:
        worker.process.join(timeout=SECONDS_TO_DIE)
        case, code = read_case(worker.case), worker.process.exitcode
        if code is None:
            raise CaseFailedError(case, f"its batch could not be received: {error}") from error
        raise WorkerDiedError(f"case {case}: {describe_exit(code)}") from None
    if isinstance(item, Failure):
        raise item.error
    return item
