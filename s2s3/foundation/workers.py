"""Work on named cases, spread over spawned processes or done in this one.

Zero workers means this process. The error of a failing case is raised here with the case's name, and a killed worker is
noticed at once through its process handle. The number of results that wait for an earlier case is limited.
Ctrl-C reaches this process only, which then ends its workers; workers whose parent was killed end by themselves.
"""

import multiprocessing.connection
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from nnunetv2.configuration import check_numbers_of_processes
from nnunetv2.errors import WorkerDiedError
from nnunetv2.foundation.progress import redraw_interval_s
from nnunetv2.foundation.worker_process import describe_exit, describe_failure, start_process
from s1.cpus import threads_per_worker, usable_cpus

__all__ = [
    "Task",
    "WorkerPool",
    "describe_exit",
    "describe_failure",
    "iterate_cases",
    "run_cases",
    "usable_cpus",
    "workers_worth_starting",
]

CASES_PER_WORKER = 8
"""Cases that may be queued, running, or finished and waiting for an earlier one."""
SECONDS_TO_END = 3.0
"""Time for all workers of a pool to end before they are killed."""


@dataclass(eq=False)
class Task:
    """One call: function, case, arguments and, once it has finished, its result or error."""

    case: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    finished: bool = False
    result: Any = None
    error: BaseException | None = None

    def end(self, result: Any = None, error: BaseException | None = None) -> None:
        """Note the outcome and let go of the arguments, which may be large."""
        self.result, self.error, self.arguments, self.finished = result, error, (), True

    def outcome(self) -> Any:
        """Return the result, or raise the error of the task."""
        if self.error is not None:
            raise self.error
        return self.result


@dataclass(eq=False)
class _Worker:
    process: Any
    connection: Any
    task: Task | None = field(default=None)


class WorkerPool:
    """Processes that work on named cases. Use as a context manager; leaving it ends all workers.

    `num_workers` is capped at the number of usable CPUs; 0 runs each task inside `submit`. The workers divide the CPUs
    that this process leaves, `busy_cpus` fewer than are usable, and each runs at least one thread.
    With `survive_deaths`, a killed worker fails its task with WorkerDiedError and is replaced; otherwise `wait`, `poll`
    and `submit` raise that. Raises SettingsError if the environment names numbers of processes that are none.
    """

    def __init__(self, num_workers: int, busy_cpus: int = 0, survive_deaths: bool = False):
        check_numbers_of_processes()
        self._survives_deaths = survive_deaths
        self._wanted = max(0, min(num_workers, usable_cpus()))
        self._threads = threads_per_worker(self._wanted, busy_cpus)
        self._workers: list[_Worker] = []
        self._queue: deque[Task] = deque()

    @property
    def num_workers(self) -> int:
        """Number of processes that may run at once; 0 means in this process."""
        return self._wanted

    @property
    def unfinished(self) -> int:
        """Number of tasks queued or running."""
        return len(self._queue) + sum(worker.task is not None for worker in self._workers)

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, case: str, function: Callable[..., Any], *arguments: Any) -> Task:
        """Queue a call; it runs as soon as a worker is free. Function and arguments have to be picklable."""
        task = Task(case, function, arguments)
        if self._wanted == 0:
            _run_here(task)
            return task
        self._queue.append(task)
        self._hand_out()
        return task

    def wait(self, unfinished_at_most: int = 0) -> None:
        """Block until at most so many tasks are unfinished. Raises WorkerDiedError if a worker was killed."""
        while self.unfinished > unfinished_at_most:
            self._collect(timeout=None)

    def poll(self) -> None:
        """Take in finished tasks without waiting. Raises WorkerDiedError if a worker was killed."""
        if self.unfinished:
            self._collect(timeout=0)

    def finish_running(self) -> None:
        """Drop the tasks in the queue and wait for those that have started."""
        self._queue.clear()
        self.wait()

    def close(self) -> None:
        """End all workers; unfinished tasks are dropped, and those under way may remove their temporary files."""
        for worker in self._workers:
            worker.connection.close()
            if worker.task is not None:
                worker.process.terminate()
        deadline = time.monotonic() + SECONDS_TO_END
        for worker in self._workers:
            worker.process.join(timeout=max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self._workers.clear()
        self._queue.clear()

    def _hand_out(self) -> None:
        while self._queue:
            worker = self._free_worker()
            if worker is None:
                return
            worker.task = task = self._queue.popleft()
            try:
                worker.connection.send((task.case, task.function, task.arguments))
            except ConnectionError:
                self._report_death(worker)

    def _free_worker(self) -> _Worker | None:
        for worker in self._workers:
            if worker.task is None:
                return worker
        if len(self._workers) < self._wanted:
            self._workers.append(_Worker(*start_process(self._threads)))
            return self._workers[-1]
        return None

    def _collect(self, timeout: float | None) -> None:
        busy = {worker.connection: worker for worker in self._workers if worker.task is not None}
        for connection in multiprocessing.connection.wait(list(busy), timeout):
            worker = busy[connection]
            try:
                succeeded, value = worker.connection.recv()
            except (EOFError, OSError):  # OSError: killed while it sent the answer
                self._report_death(worker)
                continue
            assert worker.task is not None
            task, worker.task = worker.task, None
            task.end(result=value if succeeded else None, error=None if succeeded else value)
        self._hand_out()

    def _report_death(self, worker: _Worker) -> None:
        assert worker.task is not None
        worker.process.join(timeout=5)
        error = WorkerDiedError(f"case {worker.task.case}: {describe_exit(worker.process.exitcode)}")
        if not self._survives_deaths:
            raise error
        worker.task.end(error=error)
        worker.connection.close()
        self._workers.remove(worker)


def _run_here(task: Task) -> None:
    try:
        task.end(result=task.function(*task.arguments))
    except Exception as error:
        failure = describe_failure(task.case, error)
        failure.__cause__ = error
        task.end(error=failure)


def iterate_cases(
    function: Callable[..., Any], cases: Iterable[tuple[str, tuple[Any, ...]]], num_workers: int
) -> Generator[tuple[str, Any], None, None]:
    """Yield (case, result) in the order given; after the first failure, which is raised, no other case starts.

    Close the generator (`contextlib.closing`) if it may be left early: only then have the workers ended.

    Parameters:
        cases: pairs of a case's name and the arguments for its call.
        num_workers: processes; 0 works in this process.
    """
    with WorkerPool(num_workers) as pool:
        running: deque[Task] = deque()
        for case, arguments in cases:
            running.append(pool.submit(case, function, *arguments))
            yield from _take_results(pool, running, left_over=CASES_PER_WORKER * pool.num_workers)
        yield from _take_results(pool, running, left_over=0)


def _take_results(pool: WorkerPool, running: deque[Task], left_over: int) -> Iterator[tuple[str, Any]]:
    """Yield results from the front: all that are ready, then more until at most `left_over` tasks remain."""
    pool.poll()
    _raise_failures(running)
    while running and (running[0].finished or len(running) > left_over):
        while not running[0].finished:
            pool.wait(unfinished_at_most=pool.unfinished - 1)
            _raise_failures(running)
        task = running.popleft()
        yield task.case, task.outcome()


def _raise_failures(tasks: Iterable[Task]) -> None:
    for task in tasks:
        if task.error is not None:
            raise task.error


def workers_worth_starting(wanted: int, cases: int) -> int:
    """Return at most one worker per case, and 0 (this process) instead of a single one, which would save no time."""
    workers = min(wanted, cases)
    return 0 if workers == 1 else workers


def run_cases(
    function: Callable[..., Any],
    cases: Iterable[tuple[str, tuple[Any, ...]]],
    num_workers: int,
    description: str,
    show_progress: bool = True,
) -> list[Any]:
    """Call `function` for each case under a progress bar and return the results in the order given.

    Raises CaseFailedError naming the first case that failed, WorkerDiedError if a worker was killed.
    """
    from tqdm import tqdm

    cases = list(cases)
    with closing(iterate_cases(function, cases, min(num_workers, len(cases)))) as results:
        options = {"total": len(cases), "desc": description, "mininterval": redraw_interval_s()}
        bar = tqdm(results, disable=not show_progress, **options)
        return [result for _, result in bar]
