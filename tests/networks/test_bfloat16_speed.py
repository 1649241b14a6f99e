import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from nnunetv2.networks import bfloat16_speed
from nnunetv2.networks.bfloat16_speed import is_faster


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """A computer on which bfloat16 is twice as fast; the list grows with each measurement."""
    times: list[int] = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(bfloat16_speed, "_measure", lambda: times.append(1) or 2.0)
    return times


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "drift").mkdir()
    return tmp_path / "drift" / "cpu_precision.json"


def in_a_new_process(threads: int = 2) -> bool:
    is_faster.cache_clear()
    return is_faster(threads)


def test_a_computer_is_measured_once(measured: list[int]) -> None:
    assert in_a_new_process()
    assert in_a_new_process()
    assert len(measured) == 1


@pytest.mark.parametrize("other", ["processor", "abilities", "torch", "threads"])
def test_another_computer_is_measured_anew(measured: list[int], monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    assert in_a_new_process()
    if other == "processor":
        monkeypatch.setattr(bfloat16_speed, "_processor", lambda: "another")
    if other == "abilities":
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "fewer")
    if other == "torch":
        monkeypatch.setattr(torch, "__version__", "2.0")
    assert in_a_new_process(3 if other == "threads" else 2)
    assert len(measured) == 2


WRONG = [b"[1]", b'{"a": "fast"}', b'{"a": NaN}', b'{"a": -2.0}', b'{"a": 1e300}', b'{"a": true}', b"\xff"]


@pytest.mark.parametrize("content", [b"", *WRONG, b'{"a": 2.0' + b" " * 20_000, b"[" * 10_000])
def test_a_file_that_holds_anything_else_is_replaced(measured: list[int], file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert in_a_new_process()
    assert in_a_new_process()
    assert len(measured) == 1
    assert list(json.loads(file.read_text()).values()) == [2.0]


def test_the_file_of_another_user_is_not_believed(
    measured: list[int], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert in_a_new_process()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert in_a_new_process()
    assert len(measured) == 2


def test_a_pipe_in_its_place_is_not_waited_for(measured: list[int], file: Path) -> None:
    os.mkfifo(file)
    assert in_a_new_process()
    assert len(measured) == 1


def test_without_a_place_for_the_file_it_is_measured_anew(measured: list[int], tmp_path: Path) -> None:
    (tmp_path / "drift").write_text("a file")
    assert in_a_new_process()
    assert in_a_new_process()
    assert len(measured) == 2


def test_times_of_many_computers_stay_a_small_file(measured: list[int], file: Path) -> None:
    file.write_text(json.dumps({f"computer {number}": 1.0 for number in range(100)}))
    assert in_a_new_process()
    assert len(json.loads(file.read_text())) == 32


@pytest.mark.parametrize(("bfloat16", "runs"), [(0.9, 10), (5.0, 2)])
def test_what_is_hopeless_is_measured_once(monkeypatch: pytest.MonkeyPatch, bfloat16: float, runs: int) -> None:
    measured: list[float] = []

    def seconds(function: Any, *_: Any) -> float:
        measured.append(bfloat16 if function is bfloat16_speed._in_bfloat16 else 0.5)
        return measured[-1]

    monkeypatch.setattr(bfloat16_speed, "_in_bfloat16", lambda block, image: block(image))
    monkeypatch.setattr(bfloat16_speed, "_seconds", seconds)
    assert bfloat16_speed._measure() == 0.5 / bfloat16
    assert len(measured) == runs


@pytest.mark.long
def test_a_slower_or_a_wrong_bfloat16_is_not_worth_it(measured: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bfloat16_speed, "_measure", lambda: 1.19)
    assert not in_a_new_process()
    monkeypatch.undo()
    before = torch.random.get_rng_state()
    ratio = bfloat16_speed._measure()
    assert 1e-3 < ratio < 1e3
    monkeypatch.setattr(bfloat16_speed, "_in_bfloat16", lambda block, image: block(image) * 1.1)
    assert bfloat16_speed._measure() == 1e-3
    assert torch.equal(torch.random.get_rng_state(), before)
