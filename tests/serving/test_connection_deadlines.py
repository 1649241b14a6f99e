"""A client that takes an answer slowly gets all of it; one that takes nothing is cut off."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from nnunetv2.serving.service_limits import ServiceLimits

SECONDS = 0.4
BODIES = {"/large": bytes(2_000_000), "/work": b"done"}
BUFFER = 1 << 16


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer with much at once, or after more work than a client may take for its next request."""
    if scope["path"] == "/work":
        await asyncio.sleep(1.6 * SECONDS)
    body = BODIES[scope["path"]]
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def client() -> Iterator[socket.socket]:
    """A connection to a running server, with little room in between."""
    uvicorn = pytest.importorskip("uvicorn")
    from nnunetv2.serving.connection_deadlines import server_settings

    settings = server_settings(ServiceLimits())
    settings["http"].most_seconds = SECONDS
    server = uvicorn.Server(uvicorn.Config(application, log_level="error", lifespan="off", **settings))
    with socket.socket() as listening, socket.socket() as connection:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        connection.settimeout(20)
        connection.connect(listening.getsockname())
        yield connection
        connection.close()
        server.should_exit = True
        thread.join()


def ask(client: socket.socket, *paths: str) -> None:
    client.sendall(b"".join(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode() for path in paths))


def taken(client: socket.socket, wanted: int, pause_s: float = 0) -> int:
    """Return how many bytes come, of at most so many, until the connection ends."""
    count = 0
    try:
        while count < wanted and (part := client.recv(BUFFER)):
            count += len(part)
            time.sleep(pause_s)
    except ConnectionError:
        pass
    return count


def test_an_answer_may_take_longer_than_a_client_may_take_nothing(client: socket.socket) -> None:
    ask(client, "/large")
    begin, wanted = time.monotonic(), len(BODIES["/large"])
    assert taken(client, wanted, pause_s=0.025) >= wanted
    assert time.monotonic() - begin > 1.5 * SECONDS, "else nothing was tested"


@pytest.mark.parametrize("paths", [["/large"], ["/large", "/work"], ["/large", "/large"]])
def test_who_takes_nothing_is_cut_off(client: socket.socket, paths: list[str]) -> None:
    ask(client, *paths)
    time.sleep(3 * SECONDS)
    wanted = len(BODIES["/large"])
    assert 0 < taken(client, wanted) < wanted


def test_a_second_request_that_came_with_the_first_has_its_time(client: socket.socket) -> None:
    ask(client, "/work", "/work")
    answers = b""
    while answers.count(b"done") < 2 and (part := client.recv(BUFFER)):
        answers += part
    assert answers.count(b"done") == 2


def test_who_sends_no_second_request_is_cut_off(client: socket.socket) -> None:
    ask(client, "/work")
    assert taken(client, 1) > 0
    begin = time.monotonic()
    for _ in range(20):
        try:
            client.sendall(b"G")
        except ConnectionError:
            break
        time.sleep(SECONDS / 5)
    assert time.monotonic() - begin < 3 * SECONDS
