"""One prediction after the other, in a thread of its own; a bounded number waits."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from nnunetv2.serving.refusals import RequestRefused

Result = TypeVar("Result")


class PredictionQueue:
    """Runs functions one by one, in the order of their coming.

    Parameters:
        most: functions that wait or run at once.
    """

    def __init__(self, most: int):
        self._most = most
        self._work: set[Future[Any]] = set()
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "prediction")

    @property
    def is_full(self) -> bool:
        """Whether the next function would be turned away."""
        return len(self._work) >= self._most

    @property
    def is_working(self) -> bool:
        """Whether a function runs or waits."""
        return bool(self._work)

    def require_room(self) -> None:
        """Raise RequestRefused if the queue is full."""
        if self.is_full:
            raise RequestRefused(503, f"{len(self._work)} images are waiting already; try again in a while")

    async def run(self, function: Callable[[], Result]) -> Result:
        """Return what the function returns, once it has run. Raises RequestRefused if the queue is full or closed.

        What is running goes on when whoever waits for it leaves; what still waits is left out.
        """
        with self._lock:
            self.require_room()
            work = self._submitted(function)
            self._work.add(work)
        work.add_done_callback(self._leave)
        return await asyncio.wrap_future(work)

    def _submitted(self, function: Callable[[], Result]) -> Future[Result]:
        try:
            return self._thread.submit(function)
        except RuntimeError:  # after `close`
            raise RequestRefused(503, "the server is ending") from None

    def _leave(self, work: Future[Any]) -> None:
        with self._lock:
            self._work.discard(work)

    def close(self, seconds: float) -> None:
        """Leave out the functions that wait, and give the running one some seconds to end.

        One that goes on, see `is_working`, keeps Python from ending.
        """
        self._thread.shutdown(wait=False, cancel_futures=True)
        wait(tuple(self._work), seconds)
