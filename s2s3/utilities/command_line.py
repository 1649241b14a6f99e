"""What all commands share: one line for a user's mistake, a traceback only for bugs."""

import functools
import signal
import sys
from collections.abc import Callable
from types import FrameType

from nnunetv2.errors import DriftError


def command(entry_point: Callable[[], None]) -> Callable[[], None]:
    """Turn mistakes into one line on stderr and exit code 2, Ctrl-C and SIGTERM into 130 and 143."""

    @functools.wraps(entry_point)
    def run() -> None:
        signal.signal(signal.SIGTERM, _stop)
        try:
            entry_point()
        except DriftError as error:
            sys.stderr.write(getattr(error, "worker_traceback", None) or "")
            sys.exit(_complain(str(error)))
        except OSError as error:
            sys.exit(_complain(f"{error.filename}: {error.strerror}" if error.filename else str(error)))
        except KeyboardInterrupt:
            sys.stderr.write("\ninterrupted\n")
            sys.exit(130)

    return run


def _complain(message: str) -> int:
    sys.stderr.write(f"error: {message}\n")
    return 2


def _stop(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
