"""The end of a queue: bounded, whatever still runs."""

import asyncio
import threading
import time

import pytest

from nnunetv2.serving.prediction_queue import PredictionQueue
from nnunetv2.serving.refusals import RequestRefused


def test_the_end_waits_some_seconds_for_what_runs_and_leaves_out_what_waits() -> None:
    started, go_on = threading.Event(), threading.Event()
    predicted: list[str] = []

    def slow() -> None:
        started.set()
        assert go_on.wait(20)
        predicted.append("first")

    async def serve() -> PredictionQueue:
        queue = PredictionQueue(2)
        first = asyncio.ensure_future(queue.run(slow))
        second = asyncio.ensure_future(queue.run(lambda: predicted.append("second")))
        while not started.is_set():
            await asyncio.sleep(0.001)
        begin = time.monotonic()
        queue.close(0.1)
        assert time.monotonic() - begin < 10
        assert queue.is_working
        with pytest.raises(asyncio.CancelledError):
            await second
        with pytest.raises(RequestRefused, match="the server is ending"):
            await queue.run(lambda: None)
        go_on.set()
        await first
        queue.close(20)
        return queue

    queue = asyncio.run(asyncio.wait_for(serve(), 20))
    assert predicted == ["first"]
    assert not queue.is_working
