"""Many `drift slide predict` processes with the same output folder, some of which are killed."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.factories.models import write_model_folder
from tests.factories.plans import make_dataset_json, make_plans

SLIDES, PROCESSES, KILLED = 40, 8, 2
LONGEST_S = 900.0
"""On a busy machine."""


def draw_slides(folder: Path) -> None:
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(SLIDES):
        pixels = random.integers(0, 256, (90, 100, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"s{number:02d}.png")


def start(root: Path, number: int) -> "subprocess.Popen[bytes]":
    """Start the command as a user does, with what it prints in a file."""
    words = ["slide", "predict", "-i", root / "slides", "-o", root / "out", "-m", root / "model", "-device", "cpu"]
    words += ["-nr", 0, "--mpp", 0.5, "--slide_mpp", 0.5, "--tissue", "none", "--disable_progress_bar"]
    program = Path(sysconfig.get_path("scripts")) / "drift"
    with (root / f"printed_{number}.txt").open("wb") as stream:
        command = [str(program), *map(str, words)]
        return subprocess.Popen(command, stdout=stream, stderr=stream, env={**os.environ, "OMP_NUM_THREADS": "1"})


def kill_at_work(process: "subprocess.Popen[bytes]", out: Path) -> str:
    """Kill a process while it has a slide, and return the name of the slide."""
    end = time.monotonic() + LONGEST_S
    while time.monotonic() < end:
        for claim in out.glob("*/.claim"):
            process.send_signal(signal.SIGSTOP)  # so that it does not finish the slide while we look
            if f'"pid": {process.pid},' in _text(claim) and '"running"' in _text(claim.with_name("state.json")):
                process.kill()
                process.wait()
                return claim.parent.name
            process.send_signal(signal.SIGCONT)
        time.sleep(0.01)
    raise AssertionError("it had no slide")


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except FileNotFoundError:
        return ""


def watch(processes: Iterable["subprocess.Popen[bytes]"], out: Path) -> dict[str, tuple[str, int]]:
    """Wait until all processes have ended; return when each slide was done for the first time."""
    first: dict[str, tuple[str, int]] = {}
    end, is_over = time.monotonic() + LONGEST_S, False
    while not is_over and time.monotonic() < end:
        is_over = all(process.poll() is not None for process in processes)
        for folder in out.glob("s*/"):
            if folder.name not in first and (done := when_done(folder)) is not None:
                first[folder.name] = done
        time.sleep(0.02)
    return first


def when_done(folder: Path) -> tuple[str, int] | None:
    """Return when a prediction that is done began, and when its labels were written; None if it is not done."""
    text = _text(folder / "state.json")
    if '"done"' not in text:
        return None
    return json.loads(text)["started"], (folder / "labels.ome.tif").stat().st_mtime_ns


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not stop processes")
def test_of_40_slides_and_8_commands_two_of_them_killed_each_is_done_once_and_none_is_lost(tmp_path: Path) -> None:
    draw_slides(tmp_path / "slides")
    plans = make_plans([64, 64], [1.0, 1.0], ".png", 3)
    write_model_folder(tmp_path / "model", plans, make_dataset_json(".png", 3))
    processes = [start(tmp_path, number) for number in range(PROCESSES)]
    killed = [kill_at_work(process, tmp_path / "out") for process in processes[:KILLED]]
    first = watch(processes, tmp_path / "out")
    for number, process in enumerate(processes):
        printed = (tmp_path / f"printed_{number}.txt").read_text()
        assert process.returncode == (0 if number >= KILLED else -signal.SIGKILL), printed
    assert sorted(first) == [f"s{number:02d}" for number in range(SLIDES)]
    assert {name: when_done(tmp_path / "out" / name) for name in first} == first, "none is done twice"
    assert set(killed) <= first.keys()
    assert not [*(tmp_path / "out").glob("*/.claim*"), *(tmp_path / "out").glob("*/.work")]
