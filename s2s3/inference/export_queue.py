"""Exports predicted logits while the next cases are predicted.

Used by the predictor and by the final validation of a training:

    with ExportQueue(num_workers) as exports:
        for case, logits in ...:
            exports.submit(case, export_prediction_from_logits, logits, properties, ...)
        results = exports.finish()
"""

import logging
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from nnunetv2.errors import CasesFailedError, DiskFullError
from nnunetv2.foundation.torch_threads import threads_in_use
from nnunetv2.foundation.workers import Task, WorkerPool
from nnunetv2.inference.array_handoff import HandedArray, hand_over, take
from s1.partial_files import partial_folder

_log = logging.getLogger(__name__)


def run_export(function: Callable[..., Any], logits: HandedArray | np.ndarray, arguments: Sequence[Any]) -> Any:
    """Call `function(logits, *arguments)`; runs in a worker."""
    return function(take(logits), *arguments)


def raise_failures(failures: Sequence[BaseException]) -> None:
    """Raise a single failure as it is and several as CasesFailedError; do nothing if there are none."""
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise CasesFailedError(failures)


class ExportQueue:
    """Calls `function(logits, ...)` for each case in worker processes, or in this process with 0 workers.

    A worker starts only when no other is free, so there are never more workers than cases. Logits are passed through a
    temporary file. A failing case does not stop the others; `finish` raises when all are done. A full disk stops them,
    since no case could be written.
    """

    def __init__(self, num_workers: int):
        self._pool = WorkerPool(num_workers, busy_cpus=threads_in_use())
        self._tasks: list[Task] = []
        self._reported: set[int] = set()
        self._folder: Path | None = None
        self._open = ExitStack()

    def __enter__(self) -> "ExportQueue":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.close()
        self._open.close()

    def submit(self, case: str, function: Callable[..., Any], logits: Any, *arguments: Any) -> None:
        """Queue an export of `logits` (tensor or array); blocks while each worker has two unfinished exports.

        Raises WorkerDiedError if a worker was killed.
        """
        array = logits if isinstance(logits, np.ndarray) else logits.cpu().numpy()
        handed = array if self._pool.num_workers == 0 else hand_over(array, self.temporary_folder())
        self._tasks.append(self._pool.submit(case, run_export, function, handed, arguments))
        self._pool.wait(unfinished_at_most=max(1, 2 * self._pool.num_workers - 1))
        self._report_failures()

    def poll(self) -> None:
        """Check exports and workers without blocking. Raises WorkerDiedError if a worker was killed."""
        self._pool.poll()
        self._report_failures()

    def collect(self) -> tuple[list[Any], list[BaseException]]:
        """Wait for all exports; return their results in order of submission (None if failed) and the failures."""
        self._pool.wait()
        self._report_failures()
        return [task.result for task in self._tasks], [task.error for task in self._tasks if task.error is not None]

    def finish(self) -> list[Any]:
        """Wait for all exports and return their results; raise failures, which name the cases."""
        results, failures = self.collect()
        raise_failures(failures)
        return results

    def temporary_folder(self) -> Path:
        """Return a folder for large arrays on their way, which is removed in the end."""
        if self._folder is None:
            self._folder = self._open.enter_context(partial_folder(tempfile.gettempdir()))
        return self._folder

    def _report_failures(self) -> None:
        for task in self._tasks:
            if isinstance(task.error, DiskFullError):
                self._pool.finish_running()
                raise task.error
            if task.error is not None and id(task) not in self._reported:
                self._reported.add(id(task))
                _log.error("%s (continuing with the other cases)", task.error)
