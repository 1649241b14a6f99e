"""Signals that ask a command to end: at once, or after a step that is to be finished first."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

_STOPPING = ("SIGTERM", "SIGHUP", "SIGUSR1")
"""SIGHUP (the terminal was closed) not under nohup; SIGHUP and SIGUSR1 (from a cluster's scheduler) not on Windows."""
_DEFERRED = ("SIGTERM", "SIGUSR1")


SECONDS_OF_ONE_REQUEST = 10.0
"""Schedulers signal all processes of a job, and the parent of some then signals these again."""


class Stopped(SystemExit):
    """A signal asks the command to end; as in shells, the exit code is 128 + its number."""

    def __init__(self, number: int):
        super().__init__(128 + number)
        self.signal = signal.Signals(number).name


class StopRequest:
    """Whether a signal has asked for an end while `stops_deferred` was in force."""

    watched = False
    """Whether signals come here at all."""

    def __init__(self) -> None:
        self.number = 0
        """Of the signal; 0: none has come."""
        self._since = 0.0

    def take(self, number: int, frame: FrameType | None) -> None:
        """Note the signal; raise Stopped if it follows an earlier one. A handler of signals."""
        now = time.monotonic()
        if self.number and now - self._since >= SECONDS_OF_ONE_REQUEST:
            raise Stopped(number)
        self.number, self._since = self.number or number, self._since if self.number else now


@contextmanager
def signals_watched() -> Iterator[None]:
    """Let signals that ask for an end raise Stopped; afterwards their handlers are as before."""
    with _handled_by(_stop, [number for number in _numbers(_STOPPING) if _is_free(number)]):
        yield


@contextmanager
def stops_deferred() -> Iterator[StopRequest]:
    """Note SIGTERM and SIGUSR1 in the request, and end at once only when another one comes later.

    Only where `signals_watched` is in force, that is in our own commands; in other programs nothing changes. Whoever
    enters this has to look at the request. One that has come and was not obeyed ends the command afterwards.
    """
    request = StopRequest()
    numbers = [number for number in _numbers(_DEFERRED) if signal.getsignal(number) is _stop]
    request.watched = bool(numbers)
    with _handled_by(request.take, numbers):
        yield request
    if request.number:
        raise Stopped(request.number)


@contextmanager
def stops_ignored() -> Iterator[None]:
    """Ignore signals that ask for an end, where they come to `signals_watched` or `stops_deferred`.

    For what must not be left half-way by a command that is ending already.
    """
    numbers = [number for number in _numbers(_STOPPING) if _is_ours(signal.getsignal(number))]
    with _handled_by(lambda *_: None, numbers):
        yield


def _is_ours(handler: Any) -> bool:
    return handler is _stop or getattr(handler, "__func__", None) is StopRequest.take


def _numbers(names: tuple[str, ...]) -> list[int]:
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def _is_free(number: int) -> bool:
    """Tell whether a signal may get our handler: not if it is ignored, or was set by other than Python."""
    return signal.getsignal(number) not in (signal.SIG_IGN, None)


@contextmanager
def _handled_by(handler: Any, numbers: list[int]) -> Iterator[None]:
    before: dict[int, Any] = {}
    with suppress(ValueError):  # only the main thread may, and only it receives signals
        for number in numbers:
            before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _stop(number: int, _: FrameType | None) -> None:
    raise Stopped(number)
