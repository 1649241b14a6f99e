"""Requests as programs send them, hostile ones too."""

import ctypes
import gc
import io
import json
import struct
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from nnunetv2.foundation.freed_memory import keep_freed_memory
from nnunetv2.serving.image_model import ImageModel
from nnunetv2.serving.service_limits import ServiceLimits

PICTURE = np.full((40, 50, 3), 128, np.uint8)
PICTURE[5:15, 5:25] = 0
PICTURE[20:35, 30:45] = 255
LABELS = np.zeros((40, 50), np.uint8)
LABELS[5:15, 5:25] = 1
LABELS[20:35, 30:45] = 2


def encoded(kind: str, pixels: np.ndarray = PICTURE, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    """Return a small PNG file whose header claims another size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    whole = encoded("png")
    return whole[:8] + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + whole[33:]


def png_with(kind: bytes, content: bytes) -> bytes:
    """Return a small PNG file with another chunk after its header."""
    whole, chunk = encoded("png"), kind + content
    return whole[:33] + struct.pack(">I", len(content)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + whole[33:]


def swelling() -> bytes:
    """Return 200 million zeros, deflated."""
    deflate = zlib.compressobj(9)
    return b"".join([*(deflate.compress(bytes(10**6)) for _ in range(200)), deflate.flush()])


def swelling_tiff(strip: bytes) -> bytes:
    """Return a TIFF file of 40 x 50 RGB pixels whose one strip, deflated, is larger."""
    tags = [(256, 3, 50), (257, 3, 40), (259, 3, 8), (262, 3, 2), (273, 4, 8), (277, 3, 3), (278, 3, 40)]
    tags += [(279, 4, len(strip))]
    place = 8 + len(strip) + len(strip) % 2
    entries = [*tags[:2], (258, 3, 3), *tags[2:]]
    bits = place + 2 + 12 * len(entries) + 4
    directory = struct.pack("<H", len(entries))
    for tag, kind, value in entries:
        directory += struct.pack("<HHII", tag, kind, 3 if tag == 258 else 1, bits if tag == 258 else value)
    content = b"II*\0" + struct.pack("<I", place) + strip + bytes(len(strip) % 2)
    return content + directory + bytes(4) + struct.pack("<3H", 8, 8, 8)


@pytest.mark.parametrize("kind", ["png", "tiff", "jpeg"])
def test_an_image_of_each_kind_becomes_a_label_image(
    client_of: Callable[..., Any], thresholds: ImageModel, kind: str
) -> None:
    options = {"quality": 100} if kind == "jpeg" else {}
    answer = client_of(thresholds).post("/predict", content=encoded(kind, **options))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert (np.asarray(Image.open(io.BytesIO(answer.content))) == LABELS).mean() > (0.98 if kind == "jpeg" else 0.9999)


def test_labels_also_come_as_tiff_and_as_outlines(client_of: Callable[..., Any], thresholds: ImageModel) -> None:
    client = client_of(thresholds)
    tiff = client.post("/predict?output=tiff", content=encoded("png"))
    assert (tifffile.imread(io.BytesIO(tiff.content)) == LABELS).all()
    outlines = client.post("/predict?output=geojson", content=encoded("png"))
    assert outlines.headers["content-type"] == "application/geo+json"
    features = json.loads(outlines.content)["features"]
    areas = {one["properties"]["classification"]["name"]: one["properties"]["measurements"] for one in features}
    assert areas == {"outer": {"Area px^2": 200.0}, "inner": {"Area px^2": 225.0}}


def test_the_labels_are_those_of_the_predictor(
    client_of: Callable[..., Any], model: ImageModel, tmp_path: Path
) -> None:
    image = tmp_path / "a_0000.png"
    image.write_bytes(encoded("png"))
    expected = model.predictor.predict_from_files_sequential([[str(image)]], None)[0]
    answer = client_of(model).post("/predict", content=image.read_bytes())
    labels = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert len(np.unique(labels)) > 1
    assert (labels == expected[0]).all()


HOSTILE: dict[str, tuple[bytes, int, str]] = {
    "nothing": (b"", 415, "this is no PNG, TIFF or JPEG file"),
    "text": (b"<svg onload=alert(1)>", 415, "this is no PNG, TIFF or JPEG file"),
    "another format": (encoded("gif"), 415, "this is no PNG, TIFF or JPEG file"),
    "too many bytes": (encoded("png") + bytes(20_000), 413, "the image has more than 20000 bytes"),
    "too many pixels": (encoded("png", np.zeros((300, 300, 3), np.uint8)), 413, "300 x 300 pixels, expected at most"),
    "a header that lies": (png_claiming(2**31 - 1, 2**31 - 1), 400, "its header claims"),
    "a cut off PNG": (encoded("png")[:100], 400, "the image: is damaged (cut off"),
    "a cut off JPEG": (encoded("jpeg")[:300], 400, "the image: cannot be read"),
    "a TIFF of nothing": (b"II*\0" + bytes(40), 400, "the image: cannot be read"),
    "a TIFF that leads back to itself": (
        b"II*\0\x08\0\0\0" + b"\x01\0" + b"\0\x01\x03\0\x01\0\0\0\x01\0\0\0" + b"\x08\0\0\0",
        400,
        "the image",
    ),
    "a grey image": (encoded("png", PICTURE[..., 0]), 400, "has 1 channel(s), the model expects 3"),
    "an image with alpha": (encoded("png", np.dstack([PICTURE, LABELS])), 400, "has 4 channel(s), the model expects 3"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_image_is_refused_in_one_line_that_names_no_place(
    client_of: Callable[..., Any], thresholds: ImageModel, kind: str
) -> None:
    content, status, complaint = HOSTILE[kind]
    limits = ServiceLimits(image_bytes=20_000, image_pixels=80_000)
    answer = client_of(thresholds, limits).post("/predict", content=content)
    error = answer.json()["error"]
    assert answer.status_code == status
    assert complaint in error
    assert "\n" not in error
    assert "drift_serve_" not in error
    assert thresholds.predictor.seen == []


BOMBS: dict[str, Callable[[bytes], bytes]] = {
    "a text that swells": lambda swelling: png_with(b"zTXt", b"Comment\0\0" + swelling),
    "a colour profile that swells": lambda swelling: png_with(b"iCCP", b"profile\0\0" + swelling),
    "a strip that swells": swelling_tiff,
}


def most_memory_kb() -> int:
    """Return the most memory that this process had since `forget_most_memory`."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def forget_most_memory() -> None:
    """Let the most memory be what the process has now, without what earlier tests had and freed: it may be kept."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")


@pytest.fixture
def earlier_peak() -> None:
    """Have had more memory than any of these images may take, and kept it, as after other tests."""
    keep_freed_memory()
    kept = [bytearray(100_000_000) for _ in range(4)]
    for part in kept:
        part[::4096] = b"x" * len(range(0, len(part), 4096))


@pytest.mark.skipif(sys.platform != "linux", reason="the most memory is not reset elsewhere")
@pytest.mark.usefixtures("earlier_peak")
def test_the_most_memory_is_measured_whatever_was_before() -> None:
    forget_most_memory()
    before = most_memory_kb()
    bytearray(200_000_000)[::4096] = b"x" * len(range(0, 200_000_000, 4096))
    assert 150_000 < most_memory_kb() - before < 250_000


@pytest.mark.skipif(sys.platform != "linux", reason="the most memory is not reset elsewhere")
@pytest.mark.parametrize("kind", BOMBS)
def test_what_would_swell_is_refused_or_not_unpacked(
    client_of: Callable[..., Any], thresholds: ImageModel, kind: str
) -> None:
    content = BOMBS[kind](swelling())
    client = client_of(thresholds)
    forget_most_memory()
    before = most_memory_kb()
    answer = client.post("/predict", content=content)
    assert answer.status_code in (200, 400)
    assert answer.status_code == 200 or "\n" not in answer.json()["error"]
    assert most_memory_kb() - before < 120_000, "kilobytes of 200 million bytes"


def test_a_tiff_whose_parts_know_their_size_alone_is_refused(
    client_of: Callable[..., Any], thresholds: ImageModel
) -> None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, PICTURE, photometric="rgb", compression="jpeg2000")
    answer = client_of(thresholds).post("/predict", content=stream.getvalue())
    assert (answer.status_code, "is compressed as JPEG" in answer.json()["error"]) == (415, True)


def test_a_tiff_with_a_huge_tile_is_refused_before_it_is_decoded(
    client_of: Callable[..., Any], thresholds: ImageModel
) -> None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, PICTURE, photometric="rgb", tile=(64, 64), compression="zlib")
    with tifffile.TiffFile(io.BytesIO(stream.getvalue())) as file:
        places = [file.pages[0].tags[tag].valueoffset for tag in ("TileWidth", "TileLength")]  # type: ignore[union-attr]
    content = bytearray(stream.getvalue())
    for place in places:
        content[place : place + 2] = struct.pack("<H", 65520)
    answer = client_of(thresholds).post("/predict", content=bytes(content))
    assert (answer.status_code, "claims 4292870400 pixels" in answer.json()["error"]) == (400, True)


def test_a_stack_of_pages_counts_with_all_its_pages(client_of: Callable[..., Any], thresholds: ImageModel) -> None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.zeros((9, 8, 8), np.uint8), photometric="minisblack")
    answer = client_of(thresholds).post("/predict", content=stream.getvalue())
    assert (answer.status_code, "expected a 2D image" in answer.json()["error"]) == (400, True)


def test_a_body_without_a_length_is_counted_as_it_comes(client_of: Callable[..., Any], thresholds: ImageModel) -> None:
    parts = iter([encoded("png"), bytes(30_000), bytes(30_000)])
    answer = client_of(thresholds, ServiceLimits(image_bytes=20_000)).post("/predict", content=parts)
    assert answer.status_code == 413


def test_an_unknown_output_and_an_unknown_address_are_refused(
    client_of: Callable[..., Any], thresholds: ImageModel
) -> None:
    client = client_of(thresholds)
    answer = client.post("/predict?output=../../x", content=encoded("png"))
    assert answer.status_code == 422
    assert answer.json() == {"error": "output is '../../x', expected one of png, tiff, geojson"}
    assert client.get("/predict").status_code == 405
    assert client.get("/../../etc/passwd").status_code == 404
    assert client.get("/docs").status_code == 404


def test_a_call_under_a_foreign_name_is_refused(client_of: Callable[..., Any], thresholds: ImageModel) -> None:
    answer = client_of(thresholds).get("/model", headers={"host": "evil.example"})
    assert answer.status_code == 400


def test_a_full_queue_answers_at_once_and_has_room_again_afterwards(
    client_of: Callable[..., Any], thresholds: ImageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, go_on = threading.Event(), threading.Event()
    predict = thresholds.predictor.predict_single_npy_array

    def slow(pixels: np.ndarray, properties: dict[str, Any]) -> np.ndarray:
        started.set()
        assert go_on.wait(20)
        return predict(pixels, properties)

    monkeypatch.setattr(thresholds.predictor, "predict_single_npy_array", slow)
    client = client_of(thresholds, ServiceLimits(requests=1))
    answers: list[Any] = []
    with client:
        first = threading.Thread(target=lambda: answers.append(client.post("/predict", content=encoded("png"))))
        first.start()
        assert started.wait(20)
        second = client.post("/predict", content=encoded("png"))
        ready, health = client.get("/ready"), client.get("/health")
        go_on.set()
        first.join(20)
        assert client.get("/ready").json() == {"status": "ready"}
    assert (second.status_code, second.headers["retry-after"], ready.status_code) == (503, "5", 503)
    assert (health.status_code, answers[0].status_code) == (200, 200)


def test_a_fault_of_the_model_leaks_nothing_and_leaves_the_server_alive(
    client_of: Callable[..., Any], thresholds: ImageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("secret place")

    client = client_of(thresholds)
    with monkeypatch.context() as patched:
        patched.setattr(thresholds.predictor, "predict_single_npy_array", fail)
        answer = client.post("/predict", content=encoded("png"))
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert client.post("/predict", content=encoded("png")).status_code == 200


def test_the_model_describes_itself(client_of: Callable[..., Any], thresholds: ImageModel) -> None:
    facts = client_of(thresholds).get("/model").json()
    assert facts["classes"]["outer"] == {"value": 1, "colour": "#4363d8"}
    assert facts["channels"] == ["channel0", "channel1", "channel2"]
    assert facts["limits"] == {"bytes": 64_000_000, "pixels": 50_000_000}


def test_the_page_needs_nothing_from_elsewhere(client_of: Callable[..., Any], thresholds: ImageModel) -> None:
    page = client_of(thresholds).get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http://" not in page.text
    assert "https://" not in page.text
