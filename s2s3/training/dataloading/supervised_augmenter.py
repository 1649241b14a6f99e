"""Augmentation processes whose failures are raised in the training within seconds, with the case's name."""

import multiprocessing
import multiprocessing.util
import queue
import sys
from collections.abc import Sequence
from typing import Any

from batchgenerators.dataloading.nondet_multi_threaded_augmenter import NonDetMultiThreadedAugmenter

from nnunetv2.foundation.worker_process import signals_held_back
from nnunetv2.training.dataloading.augmentation_worker import LONGEST_CASE_NAME, make_batches
from nnunetv2.training.dataloading.batch_receiver import BatchReceiver, Worker

SECONDS_BETWEEN_CHECKS = 1.0


class SupervisedAugmenter(NonDetMultiThreadedAugmenter):
    """batchgenerators' multi-process augmenter, rebuilt around one pipe per process.

    A process makes batches on request, with two requests pending, and at most `num_cached` batches are kept ready. If
    the generator's `in_turn` is true, batches come from process 0, 1, ..., n - 1, 0, ...; otherwise as they are ready.

    `next` raises CaseFailedError for a case that could not be loaded or augmented, WorkerDiedError for a process that
    was killed; both end all processes and drop the batches that are ready.

    A generator with a method `announce_need` is told the number of each batch, from 0, before it is waited for.
    """

    _receiver: BatchReceiver | None = None
    _batches_taken = 0

    def __next__(self) -> dict[str, Any]:
        """Return the next batch, starting the processes if needed."""
        if self._receiver is None:
            self._start()
        assert self._receiver is not None
        self._announce_need()
        while self._receiver.failure is None:
            try:
                item = self._receiver.batches.get(timeout=SECONDS_BETWEEN_CHECKS)
            except queue.Empty:
                continue
            if item is not None:
                self._batches_taken += 1
                return item
        failure = self._receiver.failure
        self._finish()
        raise failure

    def _announce_need(self) -> None:
        announce = getattr(self.generator, "announce_need", None)
        if announce is not None:
            announce(self._batches_taken)

    def _start(self) -> None:
        if self._receiver is not None:
            return
        self.generator.number_of_threads_in_multithreaded = self.num_processes
        self._batches_taken = 0
        with signals_held_back():
            workers = self._start_workers()
            self._processes = [worker.process for worker in workers]
            in_turn = getattr(self.generator, "in_turn", False)
            self._receiver = BatchReceiver(workers, self.num_cached, in_turn, self._pinning_device())
            self._receiver.start()
            multiprocessing.util.Finalize(self._receiver, _end, args=(workers,), exitpriority=0)
            self.initialized = True

    def _start_workers(self) -> list[Worker]:
        workers: list[Worker] = []
        try:
            for number in range(self.num_processes):
                workers.append(self._start_worker(number))
        except BaseException:
            _end(workers)
            raise
        return workers

    def _start_worker(self, number: int) -> Worker:
        # A forked process inherits classes of external trainer folders, which cannot be pickled.
        context: Any = multiprocessing.get_context("fork" if sys.platform.startswith("linux") else None)
        ours, theirs = context.Pipe()
        case = context.RawArray("c", LONGEST_CASE_NAME + 1)
        process = context.Process(
            target=make_batches,
            args=(theirs, ours, self.generator, self.transform, number, self.seeds[number], case),
            daemon=True,
        )
        process.start()
        theirs.close()
        return Worker(process, ours, case)

    def _pinning_device(self) -> int | None:
        import torch

        return torch.cuda.current_device() if self.pin_memory and torch.cuda.is_available() else None

    def _finish(self, timeout: float = 10, force: bool = False) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is None:
            return
        receiver.stopping.set()
        _end(receiver.workers)
        receiver.join(timeout)
        for worker in receiver.workers:
            worker.connection.close()
        self._processes = []
        self.initialized = False


def _end(workers: Sequence[Worker]) -> None:
    """End processes, which ignore milder signals and write nothing."""
    for worker in workers:
        worker.process.kill()
    for worker in workers:
        worker.process.join()
