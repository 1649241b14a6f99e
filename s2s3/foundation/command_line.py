"""What all commands share: messages as plain lines, one line for a user's mistake, a traceback only for bugs."""

import functools
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nnunetv2.configuration import check_numbers_of_processes
from nnunetv2.errors import DriftError, SettingsError
from nnunetv2.foundation.files import describe_os_error
from nnunetv2.foundation.stop_signals import Stopped, signals_watched
from s1.cpus import waiting_passively


class _Terminal(logging.Handler):
    """Writes information to stdout and warnings to stderr, as these are at the time of the message."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.WARNING:
            sys.stdout.write(f"{record.getMessage()}\n")
        else:
            sys.stderr.write(f"warning: {record.getMessage()}\n")


def command(entry_point: Callable[[], None]) -> Callable[[], None]:
    """Turn mistakes into one line on stderr and exit code 2, Ctrl-C into 130, signals into 128 + number.

    While the command runs, log records of the package and Python warnings are shown as plain lines, and the threads of
    torch, which is imported later, wait without keeping a CPU busy. Afterwards a program that called it finds its
    handlers of signals, its logging and its warnings as before.
    """

    @functools.wraps(entry_point)
    def run() -> None:
        with signals_watched():
            _run_and_report(entry_point)

    return run


def _run_and_report(entry_point: Callable[[], None]) -> None:
    """Run a command and turn what ends it into lines on stderr and an exit code."""
    try:
        check_numbers_of_processes()
        _check_number_of_threads()
        with messages_as_lines(), waiting_passively():
            entry_point()
    except DriftError as error:
        sys.stderr.write(getattr(error, "worker_traceback", None) or "")
        sys.exit(_complain(str(error)))
    except OSError as error:
        sys.exit(_complain(describe_os_error(error)))
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        sys.exit(130)
    except Stopped as stopped:
        sys.stderr.write(f"\nstopped by signal {stopped.signal}\n")
        sys.exit(stopped.code)  # no Stopped any more: a command that called this one stays silent


def _check_number_of_threads() -> None:
    """Refuse values of OMP_NUM_THREADS with which libraries that commands import later cannot be imported."""
    wanted = os.environ.get("OMP_NUM_THREADS", "").strip()
    if wanted and not (wanted.isascii() and wanted.isdigit() and int(wanted) > 0):
        raise SettingsError(f"OMP_NUM_THREADS is {wanted!r}, expected one whole number of threads, 1 or more")


@contextmanager
def messages_as_lines() -> Iterator[None]:
    """Show log records of the package and Python warnings as lines; afterwards logging and warnings are as before."""
    logger = logging.getLogger("nnunetv2")
    before = logger.level, logger.handlers, warnings.showwarning
    logger.setLevel(logging.INFO)
    logger.handlers = [_Terminal()]
    warnings.showwarning = lambda message, *_, **__: logger.warning("%s", message)
    try:
        yield
    finally:
        level, logger.handlers, warnings.showwarning = before
        logger.setLevel(level)


def fold(text: str) -> int | str:
    """Return a fold as given on the command line: a number, or `all`."""
    return text if text == "all" else int(text)


def _complain(message: str) -> int:
    sys.stderr.write(f"error: {message}\n")
    return 2
