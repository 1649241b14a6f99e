"""The page and the server as a person meets them: `drift serve` in a process of its own, and a real browser."""

import contextlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from docs_site.browser import DARK, LIGHT, listening, open_pages, unreadable_parts
from tests.seen_pages import in_a_browser

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(model_folder: Path) -> Iterator[str]:
    """The address of a server, which is ended as Ctrl-C or a supervisor ends it."""
    pytest.importorskip("fastapi")
    code = "from nnunetv2.run.serve_command import serve_entry; serve_entry()"
    limits = ["--max_megapixels", "1", "--max_mb", "1", "--upload_seconds", "2"]
    command = [sys.executable, "-u", "-c", code, str(model_folder), "--port", "0", "-device", "cpu", *limits]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        found = re.search(r"http://\S+/", server.stdout.readline())
        assert found
        yield found[0]
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=60)
        assert server.returncode == 143
        assert "Traceback" not in errors
    finally:
        server.kill()
        server.wait()


def picture(height: int = 60, width: int = 80) -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (height // 4, width // 4, 3), np.uint8)
    Image.fromarray(noise.repeat(4, 0).repeat(4, 1)).save(stream, "png")
    return stream.getvalue()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_server_ends_although_a_prediction_runs_for_which_nobody_waits(
    model_folder: Path, tmp_path: Path, number: signal.Signals
) -> None:
    pytest.importorskip("fastapi")
    code = (
        "import sys, threading, time\n"
        "from nnunetv2.run import serve_command\n"
        "from nnunetv2.serving.image_model import ImageModel\n"
        "from nnunetv2.serving.service_limits import ServiceLimits\n"
        "ServiceLimits.ending_seconds = 1\n"
        "ImageModel.predict = lambda *_: (print('predicting', flush=True), time.sleep(600))\n"
        "serve_command.serve_entry()"
    )
    arguments = [sys.executable, "-u", "-c", code, str(model_folder), "--port", "0", "-device", "cpu"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://127.0.0.1:(\d+)/", server.stdout.readline())
            assert found
            body = picture()
            with socket.create_connection(("127.0.0.1", int(found[1])), timeout=30) as connection:
                head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
                connection.sendall(head.encode() + body)
                assert server.stdout.readline() == "predicting\n"
            server.send_signal(number)
            _, errors = server.communicate(timeout=60)
        finally:
            server.kill()
    assert server.returncode == 128 + number
    assert "the server ends; a prediction that still runs is given up" in errors
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


def test_connections_that_send_no_request_are_closed_and_keep_nobody_out(address: str) -> None:
    port = int(address.rstrip("/").rpartition(":")[2])
    silent = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(20)]
    try:
        for connection in silent[:10]:
            connection.sendall(b"GET /health HTTP/1.1\r\nX-Slow: ")
        with urllib.request.urlopen(f"{address}health", timeout=30) as answer:
            assert json.load(answer) == {"status": "alive"}
        begin = time.monotonic()
        while time.monotonic() - begin < 60 and not _is_closed(silent[0]):
            with contextlib.suppress(OSError):
                silent[0].sendall(b"x")  # trickles
            time.sleep(0.5)
        assert time.monotonic() - begin < 50
        assert all(map(_is_closed, silent))
    finally:
        for connection in silent:
            connection.close()


def _is_closed(connection: socket.socket) -> bool:
    connection.settimeout(1)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_many_at_once_are_answered_or_turned_away(address: str) -> None:
    def ask(_: int) -> int:
        request = urllib.request.Request(f"{address}predict", picture())
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return int(error.code)

    with ThreadPoolExecutor(24) as clients:
        answers = list(clients.map(ask, range(48)))
    assert set(answers) <= {200, 503}
    assert 200 in answers
    with urllib.request.urlopen(f"{address}ready", timeout=30) as answer:
        assert json.load(answer) == {"status": "ready"}


def test_a_program_gets_labels_over_the_network(address: str) -> None:
    request = urllib.request.Request(f"{address}predict", picture(), {"Content-Type": "image/png"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        labels = np.asarray(Image.open(io.BytesIO(answer.read())))
    assert labels.shape == (60, 80)
    assert set(np.unique(labels)) <= {0, 1, 2}


def test_an_image_that_does_not_arrive_is_given_up(address: str) -> None:
    port = int(address.rstrip("/").rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n\x89PNG")
        assert connection.recv(4096).startswith(b"HTTP/1.1 408")
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 413")


@in_a_browser
@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_a_person_sees_the_labels_over_the_image(address: str, tmp_path: Path, scheme: str) -> None:
    file = tmp_path / "tissue.png"
    file.write_bytes(picture())
    with open_pages() as pages, listening(pages[scheme]) as problems:
        page = pages[scheme]
        page.goto(address)
        page.wait_for_function("document.getElementById('about').textContent.includes('outer, inner')")
        page.set_input_files("#file", file)
        page.wait_for_selector("#result:not([hidden])", timeout=60_000)
        assert page.inner_text("#state") == "tissue.png: 80 \u00d7 60 pixels."
        assert page.evaluate(DIFFERENCES, _labels(address)) == 0
        assert unreadable_parts(page, scheme) == []
        _save_outlines(page)
        file.write_bytes(b"no image")
        page.set_input_files("#file", file)
        page.wait_for_selector("#state[data-bad]")
        assert "no PNG, TIFF or JPEG" in page.inner_text("#state")
        assert unreadable_parts(page, scheme) == []
    assert [problem for problem in problems if "415" not in problem] == []


DIFFERENCES = """labels => {
  const canvas = document.getElementById("overlay");
  const shown = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const colours = {0: [0, 0, 0, 0], 1: [0x43, 0x63, 0xd8, 255], 2: [0xf5, 0x82, 0x31, 255]};
  return labels.filter((label, place) => colours[label].some((part, at) => shown[4 * place + at] !== part)).length;
}"""


def _labels(address: str) -> list[int]:
    with urllib.request.urlopen(urllib.request.Request(f"{address}predict", picture()), timeout=60) as answer:
        labels: list[int] = np.asarray(Image.open(io.BytesIO(answer.read()))).ravel().tolist()
    return labels


def _save_outlines(page: Any) -> None:
    with page.expect_download() as download:
        page.click("#save-outlines")
    assert download.value.suggested_filename == "tissue.geojson"
    assert json.loads(Path(download.value.path()).read_text())["type"] == "FeatureCollection"
