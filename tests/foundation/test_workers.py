"""Work on named cases: order, failures with the case's name, and processes that never outlive their use."""

import atexit
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from nnunetv2.errors import CaseFailedError, InvalidValueError, WorkerDiedError
from nnunetv2.foundation.worker_process import start_process, tell_parent
from nnunetv2.foundation.workers import (
    CASES_PER_WORKER,
    WorkerPool,
    describe_exit,
    iterate_cases,
    run_cases,
    workers_worth_starting,
)
from s1 import cpus

CASES = [(name, (number,)) for number, name in enumerate("abcdef")]
LONG = 600.0


def square(number: int) -> int:
    return number**2


def later_ones_are_faster(number: int) -> int:
    time.sleep((3 - number) / 100)
    return number


def the_first_waits_for_a_file(number: int, folder: Path) -> int:
    while number == 0 and not (folder / "go").exists():
        time.sleep(0.01)
    return number


def fail_at_c(number: int) -> int:
    if number == 2:
        raise InvalidValueError("found 7, expected 1")
    return number


def divide_by_zero_at_c(number: int) -> float:
    return 1 / (2 - number)


def no_space_at_c(number: int) -> int:
    if number == 2:
        raise OSError(28, "No space left on device", "/data/c.b2nd")
    return number


def no_memory_at_c(number: int) -> int:
    if number == 2:
        raise MemoryError("Unable to allocate 9 TiB")
    return number


def die_at_c(number: int, with_signal: int) -> int:
    if number == 2:
        os.kill(os.getpid(), with_signal)
        time.sleep(LONG)
    return number


def die_while_answering() -> bytes:
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGKILL)).start()
    return bytes(20_000_000)


def leave_a_file(number: int, folder: Path) -> None:
    (folder / str(number)).touch()
    fail_at_c(number)


def process_id() -> int:
    return os.getpid()


def tell_and_sleep(file: Path, seconds: float = LONG) -> None:
    file.write_text(str(os.getpid()))
    time.sleep(seconds)


def threads_of_this_process() -> tuple[str | None, str | None, int]:
    import torch

    return os.environ.get("OMP_NUM_THREADS"), os.environ.get("OMP_WAIT_POLICY"), torch.get_num_threads()


def run(function: Callable[..., Any], workers: int, *more: Any) -> list[Any]:
    return run_cases(function, [(case, (*first, *more)) for case, first in CASES], workers, "", show_progress=False)


@pytest.mark.parametrize("workers", [0, 1, 2, 99])
def test_results_come_in_the_order_of_the_cases(workers: int) -> None:
    assert run(square, workers) == [0, 1, 4, 9, 16, 25]
    assert list(iterate_cases(later_ones_are_faster, CASES[:3], workers)) == [("a", 0), ("b", 1), ("c", 2)]


def test_the_number_of_results_behind_a_slow_case_is_limited(tmp_path: Path) -> None:
    drawn = []

    def cases() -> Iterator[tuple[str, tuple[Any, ...]]]:
        for number in range(200):
            drawn.append(number)
            yield str(number), (number, tmp_path)

    results = iterate_cases(the_first_waits_for_a_file, cases(), 2)
    threading.Timer(1.0, (tmp_path / "go").touch).start()
    assert next(results) == ("0", 0)
    assert len(drawn) <= 2 * CASES_PER_WORKER + 1
    assert [number for _, number in results] == list(range(1, 200))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_finished_task_lets_go_of_its_arguments(workers: int) -> None:
    array = np.zeros(3)
    alive = weakref.ref(array)
    with WorkerPool(workers) as pool:
        task = pool.submit("a", len, array)
        del array
        pool.wait()
        assert task.outcome() == 3
        assert alive() is None


@pytest.mark.long
def test_workers_share_the_cpus_and_their_threads_wait_passively(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", *cpus.PASSIVE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cpus, "usable_cpus", lambda: 7)
    before = dict(os.environ)
    with WorkerPool(2, busy_cpus=5) as pool:
        task = pool.submit("a", threads_of_this_process)
        pool.wait()
    assert task.outcome() == ("1", "PASSIVE", 1)
    assert dict(os.environ) == before


@pytest.mark.long
def test_workers_use_the_number_of_threads_that_a_user_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(cpus, "usable_cpus", lambda: 64)
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    with WorkerPool(2) as pool:
        task = pool.submit("a", threads_of_this_process)
        pool.wait()
    assert task.outcome() == ("1", "ACTIVE", 1)


def test_no_cases_need_no_workers() -> None:
    assert run_cases(square, [], 2, "", show_progress=False) == []


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("function", "message"),
    [
        (fail_at_c, "case c: found 7, expected 1"),
        (no_space_at_c, "case c: /data/c.b2nd: No space left on device; free some space, then run the command again"),
        (no_memory_at_c, "case c: out of memory (Unable to allocate 9 TiB); use fewer processes"),
    ],
)
def test_a_failure_is_one_line_that_names_the_case(function: Any, message: str, workers: int) -> None:
    with pytest.raises(CaseFailedError) as caught:
        run(function, workers)
    assert str(caught.value) == message
    assert caught.value.worker_traceback is None


@pytest.mark.parametrize("workers", [0, 2])
def test_a_bug_also_carries_its_traceback(workers: int) -> None:
    with pytest.raises(CaseFailedError, match=r"^case c: ZeroDivisionError: division by zero$") as caught:
        run(divide_by_zero_at_c, workers)
    assert "in divide_by_zero_at_c" in str(caught.value.worker_traceback)


@pytest.mark.parametrize("workers", [0, 1])
def test_after_a_failure_nothing_new_starts(tmp_path: Path, workers: int) -> None:
    with pytest.raises(CaseFailedError):
        run(leave_a_file, workers, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} <= {"0", "1", "2", "3"}


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGTERM"])
def test_a_killed_worker_is_noticed_at_once(name: str) -> None:
    started = time.monotonic()
    with pytest.raises(WorkerDiedError, match=rf"^case c: the worker process was killed by signal {name}"):
        run(die_at_c, 2, getattr(signal, name))
    assert time.monotonic() - started < LONG / 4


def test_only_a_kill_from_outside_hints_at_memory() -> None:
    assert "out of memory" in describe_exit(-signal.SIGKILL)
    assert "out of memory" not in describe_exit(-signal.SIGSEGV)
    assert "signal 40" in describe_exit(-40), "a signal without a name"


def test_a_worker_killed_between_two_cases_is_noticed() -> None:
    with WorkerPool(1) as pool:
        first = pool.submit("first", process_id)
        pool.wait()
        psutil.Process(first.outcome()).kill()
        pool._workers[0].process.join(timeout=10)
        with pytest.raises(WorkerDiedError, match="case second"):  # noqa: PT012 - either notices
            pool.submit("second", process_id)
            pool.wait()


def test_a_worker_killed_while_it_answers_is_noticed() -> None:
    with WorkerPool(1) as pool:
        pool.submit("large", die_while_answering)
        pool._workers[0].process.join(timeout=60)  # the answer is not read, so that it cannot have sent all of it
        with pytest.raises(WorkerDiedError, match=r"case large: .*SIGKILL"):
            pool.wait()


def test_leaving_a_pool_ends_running_work(tmp_path: Path) -> None:
    started = time.monotonic()
    with WorkerPool(1) as pool:
        pool.submit("long", tell_and_sleep, tmp_path / "id")
        process = appeared(tmp_path / "id")
    assert time.monotonic() - started < LONG / 4
    assert not process.is_running()


def test_work_ends_before_an_error_leaves_run_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even one that the progress bar raises, so that what the caller tidies up stays tidy."""

    def interrupted_bar(results: Any, **_: Any) -> Any:
        yield next(results)
        raise KeyboardInterrupt

    monkeypatch.setattr("tqdm.tqdm", interrupted_bar)
    cases = [("quick", (tmp_path / "quick", 0)), ("long", (tmp_path / "long",))]
    with pytest.raises(KeyboardInterrupt) as caught:
        run_cases(tell_and_sleep, cases, 2, "")
    assert caught.value is not None, "its traceback keeps every frame alive"
    for file in (tmp_path / "quick", tmp_path / "long"):
        assert not file.exists() or not psutil.pid_exists(int(file.read_text() or -1))


def appeared(file: Path) -> psutil.Process:
    """Wait for the file in which a worker tells its id."""
    end = time.monotonic() + LONG
    while not (file.is_file() and file.read_text()):
        assert time.monotonic() < end, "the worker did not start"
        time.sleep(0.01)
    return psutil.Process(int(file.read_text()))


def start_script(folder: Path) -> subprocess.Popen[str]:
    """Start a program that works on two long cases with two workers, in a process group of its own."""
    script = folder / "script.py"
    script.write_text(
        textwrap.dedent(f"""
            from pathlib import Path
            from nnunetv2.foundation.workers import run_cases
            from tests.foundation.test_workers import tell_and_sleep
            if __name__ == "__main__":
                cases = [(name, (Path({str(folder)!r}) / name,)) for name in ("a", "b")]
                try:
                    run_cases(tell_and_sleep, cases, 2, "", show_progress=False)
                except KeyboardInterrupt:
                    print("interrupted")
        """)
    )
    return subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_a_single_worker_is_not_worth_starting() -> None:
    wanted_and_cases = [(0, 5), (1, 5), (5, 1), (2, 5), (5, 3), (5, 0)]
    assert [workers_worth_starting(*pair) for pair in wanted_and_cases] == [0, 0, 0, 2, 3, 0]


@pytest.mark.skipif(os.name == "nt", reason="needs process groups")
@pytest.mark.parametrize("delay_s", [0.0, 0.02, 0.05])
def test_ctrl_c_is_quiet_even_while_workers_start(tmp_path: Path, delay_s: float) -> None:
    program = start_script(tmp_path)
    while not psutil.Process(program.pid).children():
        time.sleep(0.002)
    time.sleep(delay_s)
    os.killpg(program.pid, signal.SIGINT)
    out, errors = program.communicate(timeout=LONG / 2)
    assert (out, errors) == ("interrupted\n", "")


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    program = start_script(tmp_path)
    workers = [appeared(tmp_path / name) for name in ("a", "b")]
    end = time.monotonic() + LONG / 4
    program.kill()
    program.wait()  # its pipes stay open as long as a worker lives
    while any(is_alive(worker) for worker in workers):
        assert time.monotonic() < end, "a worker outlives its parent"
        time.sleep(0.01)
    program.communicate()


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_pool_that_survives_deaths_fails_the_task_and_goes_on() -> None:
    with WorkerPool(1, survive_deaths=True) as pool:
        tasks = [pool.submit(name, end_process_if, name == "b") for name in "abc"]
        pool.wait()
    assert [task.error is None for task in tasks] == [True, False, True]
    with pytest.raises(WorkerDiedError, match="case b: the worker process was killed by signal SIGTERM"):
        tasks[1].outcome()


def end_process_if(is_asked: bool) -> None:
    if is_asked:
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_worker_that_is_told_to_end_while_it_ends_shows_no_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    process, connection = start_process(1)
    connection.send(("a", end_amid_the_end, ()))
    assert [connection.recv() for _ in range(2)] == [(None, "nearly done"), (True, None)]
    connection.close()
    process.join(30)
    assert process.exitcode == -signal.SIGTERM
    assert capfd.readouterr() == ("", "")


def end_amid_the_end() -> None:
    tell_parent("nearly done")
    atexit.register(os.kill, os.getpid(), signal.SIGTERM)
