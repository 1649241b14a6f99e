"""What all commands share: one line for a user's mistake, a traceback only for bugs."""

import functools
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from nnunetv2.errors import DriftError
from nnunetv2.utilities.files import describe_os_error

_STOPPING = ("SIGTERM", "SIGHUP")
"""Signals that end a command in order; SIGHUP (the terminal was closed) not under nohup, nor on Windows."""


class _Stopped(SystemExit):
    """A signal asks the command to end; the exit code is 128 + its number, as shells have it."""

    def __init__(self, number: int):
        super().__init__(128 + number)
        self.signal = signal.Signals(number).name


def command(entry_point: Callable[[], None]) -> Callable[[], None]:
    """Turn mistakes into one line on stderr and exit code 2, Ctrl-C into 130, SIGTERM into 143, SIGHUP into 129."""

    @functools.wraps(entry_point)
    def run() -> None:
        _watch_signals()
        try:
            entry_point()
        except DriftError as error:
            sys.stderr.write(getattr(error, "worker_traceback", None) or "")
            sys.exit(_complain(str(error)))
        except OSError as error:
            sys.exit(_complain(describe_os_error(error)))
        except KeyboardInterrupt:
            sys.stderr.write("\ninterrupted\n")
            sys.exit(130)
        except _Stopped as stopped:
            sys.stderr.write(f"\nstopped by signal {stopped.signal}\n")
            raise

    return run


def _complain(message: str) -> int:
    sys.stderr.write(f"error: {message}\n")
    return 2


def _watch_signals() -> None:
    for name in _STOPPING:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            with suppress(ValueError):  # only the main thread may, and only it gets signals
                signal.signal(number, _stop)


def _stop(number: int, _: FrameType | None) -> None:
    raise _Stopped(number)
