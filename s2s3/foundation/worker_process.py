"""One spawned process that answers calls: how it starts, how it ends, and how it reports errors."""

import errno
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from typing import Any

from nnunetv2.errors import CaseFailedError, DiskFullError, DriftError
from nnunetv2.foundation.files import describe_os_error
from s1.cpus import waiting_passively

_asking: list[Any] = []
"""In a worker, the connection on which calls come."""
_sending = threading.Lock()
"""Threads of a worker may have news at the same time."""


def start_process(threads: int, has_children: bool = False) -> tuple[Any, Any]:
    """Return a new process and the connection that takes (case, function, arguments).

    It answers (True, result) or (False, error that names the case), and before that (None, news) for all that the
    function hands to `tell_parent`. Its numerical libraries use `threads` threads each.

    Parameters:
        has_children: whether it may start processes itself; whoever starts it ends it then.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, threads), daemon=not has_children)
    with signals_held_back(), _without_ctrl_c():
        process.start()
    theirs.close()
    return process, ours


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Delay Ctrl-C and SIGTERM until processes have started: half-started ones show tracebacks or are left behind."""
    held: list[int] = []
    in_main_thread = threading.current_thread() is threading.main_thread()  # only it may
    numbers = (signal.SIGTERM, signal.SIGINT) if in_main_thread else ()
    handlers = {number: handler for number in numbers if callable(handler := signal.getsignal(number))}
    for number in handlers:
        signal.signal(number, lambda number, _: held.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for received in held:
            signal.raise_signal(received)


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Start processes that Ctrl-C never reaches, if the system has a mask of signals to inherit."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # starting it would clear the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Any, threads: int) -> None:
    """Answer calls until the connection closes (body of a worker process)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _take_share(threads)
    try:
        signal.signal(signal.SIGTERM, _stop)  # until here nothing is written, and the signal ends the process at once
        with waiting_passively():
            _answer_calls(connection)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # an error amid Python's own end would be shown as a traceback
    except _Stopped:  # temporary files were removed on the way here
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)


def _take_share(threads: int) -> None:
    """Set the number of threads for libraries that are loaded from now on, and for torch if it is loaded already."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    torch = sys.modules.get("torch")  # imported by the main module of a host program
    if torch is not None:
        torch.set_num_threads(threads)


def tell_parent(news: Any) -> None:
    """Send news, which can be pickled, to whoever asked for the call that is running; nobody, outside of a worker."""
    for connection in _asking:
        with suppress(ConnectionError), _sending:  # the parent is gone, and this process soon too
            connection.send((None, news))


def _answer_calls(connection: Any) -> None:
    _asking.append(connection)
    while True:
        try:
            case, function, arguments = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer = (True, function(*arguments))
        except Exception as error:
            answer = (False, describe_failure(case, error))
        try:
            with _sending:
                connection.send(answer)
        except ConnectionError:
            return


class _Stopped(BaseException):
    """SIGTERM arrived."""


def _stop(number: int, frame: object) -> None:
    raise _Stopped


def _end_with_parent() -> None:
    """Leave at once if the parent process is gone, so that no case is still written when the user starts again."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def describe_failure(case: str, error: BaseException) -> BaseException:
    """Name the case in an error; a user's mistake remains one line, a bug also carries its traceback."""
    if isinstance(error, CaseFailedError | KeyboardInterrupt):
        return error
    text = str(error) or type(error).__name__
    if isinstance(error, MemoryError):
        return CaseFailedError(case, f"out of memory ({text}); use fewer processes")
    if isinstance(error, DriftError):
        return CaseFailedError(case, text)
    if isinstance(error, OSError):
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return (DiskFullError if is_full else CaseFailedError)(case, describe_os_error(error))
    return CaseFailedError(case, f"{type(error).__name__}: {text}", "".join(traceback.format_exception(error)))


def describe_exit(code: int | None) -> str:
    """Describe how a process with this exit code ended (negative: the signal that killed it)."""
    if code is None:
        return "the worker process closed its connection without an answer"
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        hint = "; the system probably ran out of memory, use fewer processes" if name == "SIGKILL" else ""
        return f"the worker process was killed by signal {name}{hint}"
    return (
        f"the worker process ended with exit code {code} before it answered; if this is a script of your own, "
        "it needs `if __name__ == '__main__':` around its calls"
    )
