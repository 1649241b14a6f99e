"""One prediction after the other, in a thread of its own; a bounded number waits."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from nnunetv2.serving.refusals import RequestRefused

Result = TypeVar("Result")


class PredictionQueue:
    """Runs functions one by one, in the order of their coming.

    Parameters:
        most: functions that wait or run at once.
    """

    def __init__(self, most: int):
        self._most = most
        self._count = 0
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "prediction")

    @property
    def is_full(self) -> bool:
        """Whether the next function would be turned away."""
        return self._count >= self._most

    def require_room(self) -> None:
        """Raise RequestRefused if the queue is full."""
        if self.is_full:
            raise RequestRefused(503, f"{self._count} images are waiting already; try again in a while")

    async def run(self, function: Callable[[], Result]) -> Result:
        """Return what the function returns, once it has run. Raises RequestRefused, at once, if the queue is full.

        What is running goes on when whoever waits for it leaves; what still waits is left out.
        """
        with self._lock:
            self.require_room()
            self._count += 1
        work = self._thread.submit(function)
        work.add_done_callback(self._leave)
        return await asyncio.wrap_future(work)

    def _leave(self, _: Future[Result]) -> None:
        with self._lock:
            self._count -= 1

    def close(self) -> None:
        """Let the running function end, and leave out those that wait."""
        self._thread.shutdown(wait=True, cancel_futures=True)
