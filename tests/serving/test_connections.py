"""Nobody's images are not predicted."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from nnunetv2.serving.connections import while_connected
from nnunetv2.serving.prediction_queue import PredictionQueue
from nnunetv2.serving.refusals import RequestRefused


def request_that(*ends: bool) -> Any:
    """Return a request whose connection has ended, or stays."""

    async def receive() -> dict[str, str]:
        if not any(ends):
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    return SimpleNamespace(receive=receive)


def test_an_image_that_waits_is_left_out_when_its_sender_leaves() -> None:
    started, go_on = threading.Event(), threading.Event()
    predicted = []

    def slow() -> str:
        started.set()
        assert go_on.wait(20)
        return "labels"

    async def serve() -> str:
        queue = PredictionQueue(2)
        first = asyncio.ensure_future(while_connected(request_that(False), queue.run(slow)))
        while not started.is_set():
            await asyncio.sleep(0.001)
        with pytest.raises(RequestRefused, match="the connection ended"):
            await while_connected(request_that(True), queue.run(lambda: predicted.append("nobody's")))
        while queue.is_full:
            await asyncio.sleep(0.001)
        go_on.set()
        answer = await first
        queue.close(20)
        return answer

    assert asyncio.run(asyncio.wait_for(serve(), 20)) == "labels"
    assert predicted == []


def test_errors_of_the_work_arrive() -> None:
    async def fail() -> None:
        raise RequestRefused(422, "no numbers")

    with pytest.raises(RequestRefused, match="no numbers"):
        asyncio.run(while_connected(request_that(False), fail()))
