"""Calls a logger in a thread, so that one that hangs does not hold up the training."""

import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any

FAILURES_IN_A_ROW = 3
SECONDS_TO_WAIT_IN_AN_EPOCH = 1.0
MOST_CALLS_WAITING = 10_000

Call = Callable[[Any], None]


class LoggerThread:
    """Makes the calls of one logger in their order, in a thread that exists while there are any.

    The caller waits for the logger, as if there were no thread, but at most SECONDS_TO_WAIT_IN_AN_EPOCH in all of an
    epoch. After a failure the logger is left alone until the next epoch; after three epochs in a row for good.

    Parameters:
        warn: gets one line when the logger fails first, and one when it is late first.
    """

    def __init__(self, logger: Any, warn: Callable[[str], None]):
        self.logger = logger
        self._warn = warn
        self._changed = threading.Condition()
        self._calls: deque[tuple[Call, int | None]] = deque()
        self._is_busy = False
        self._failed_at: set[int | None] = set()
        self._warned_of: set[str] = set()
        self._epoch: int | None = None
        self._patience = SECONDS_TO_WAIT_IN_AN_EPOCH

    def do(self, call: Call, step: int | None) -> None:
        """Call with the logger, unless it is left alone at that epoch; None: of no epoch."""
        if step != self._epoch:
            self._epoch, self._patience = step, SECONDS_TO_WAIT_IN_AN_EPOCH
        with self._changed:
            if len(self._failed_at) >= FAILURES_IN_A_ROW or len(self._calls) >= MOST_CALLS_WAITING:
                return
            self._calls.append((call, step))
            if not self._is_busy:
                self._is_busy = True
                threading.Thread(target=self._work, name=f"calls of {type(self.logger).__name__}", daemon=True).start()
        self._wait_a_little()

    def wait(self, seconds: float) -> bool:
        """Wait until all calls are done, but not longer; tell whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._is_busy, timeout=max(0.0, seconds))

    def _wait_a_little(self) -> None:
        start = monotonic()
        is_done = self.wait(self._patience)
        self._patience -= monotonic() - start
        if not is_done:
            self._warn_once("late", "has not answered for some time; the training does not wait for it")

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._calls:
                    self._is_busy = False
                    self._changed.notify_all()
                    return
                call, step = self._calls.popleft()
            self._make(call, step)

    def _make(self, call: Call, step: int | None) -> None:
        if len(self._failed_at) >= FAILURES_IN_A_ROW or (step is not None and step in self._failed_at):
            return
        try:
            call(self.logger)
        except BaseException as error:  # in a thread of its own nobody else sees it
            self._failed_at.add(step)
            self._warn_once(
                "failed", f"failed: {in_one_line(error)}; the training goes on, and values may be missing there"
            )
        else:
            self._failed_at.clear()

    def _warn_once(self, reason: str, text: str) -> None:
        if reason not in self._warned_of:
            self._warned_of.add(reason)
            self._warn(f"WARNING: the logger {type(self.logger).__name__} {text}")


def in_one_line(error: BaseException) -> str:
    """Return kind and message of an error in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
