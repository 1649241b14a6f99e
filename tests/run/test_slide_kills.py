"""`drift slide predict`, killed again and again at any moment, ends with the bytes of a run that nobody disturbed."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sample_data.pyramids import Damage, PyramidSettings, write_pyramid
from tests.factories.models import write_model_folder
from tests.factories.plans import make_dataset_json, make_plans
from tests.pathology.prediction.large_slides import scaled

pytestmark = pytest.mark.slow
COMMAND = "from nnunetv2.run.slide_command import slide_entry; slide_entry()"
KILLS = 20
KILLS_IN_A_ROW = 2
"""A slide that ends its process three times without a further part is given up."""
LONGEST_S, LONGEST_FULL_S = 300.0, 3600.0
BAND_PX = 1024
VARYING = {"state.json", "slides.csv", "summary.csv", "summary.json"}
"""Files with times; what they say of the labels is compared apart."""


def start(root: Path, out: Path, *more: object) -> "subprocess.Popen[bytes]":
    words = ["predict", "-i", root / "slides", "-o", out, "-m", root / "model", "-device", "cpu", "-nr", 1]
    words += ["--mpp", 0.5, "--tissue", "none", "-step_size", 1, "--max_failed", 0.5, "--min_area", 500]
    words += ["--save", "labels", "geojson", "overlay", "probabilities", "--disable_progress_bar"]
    command = [sys.executable, "-c", COMMAND, *map(str, words), *map(str, more)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def wait_for_work(process: "subprocess.Popen[bytes]", out: Path) -> None:
    """Wait until the process has begun to write."""
    end = time.monotonic() + LONGEST_S
    while not (out / "run.json").exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)


def finish(process: "subprocess.Popen[bytes]", longest_s: float = LONGEST_S) -> None:
    _, errors = process.communicate(timeout=longest_s)
    assert process.returncode == 0, errors.decode()


def outputs(out: Path) -> dict[str, bytes]:
    files = [file for file in sorted(out.rglob("*")) if file.is_file() and file.name not in VARYING]
    return {str(file.relative_to(out)): file.read_bytes() for file in files if file.name != "report.html"}


def facts(out: Path) -> dict[str, object]:
    states = {file.parent.name: json.loads(file.read_text()) for file in sorted(out.glob("*/state.json"))}
    kept = ("state", "error", "read", "tiles", "normalization", "view", "measurements")
    return {name: {key: state[key] for key in kept} for name, state in states.items()}


def test_killed_at_any_moment_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "slides").mkdir()
    damage = Damage(zeroed_tiles=((0, 5),))
    for name, height in (("s", 3400), ("t", 1500)):
        settings = PyramidSettings(300, height, block_px=512, damage=damage if name == "s" else Damage())
        write_pyramid(tmp_path / f"slides/{name}.tif", settings)
    plans = make_plans([64, 64], [1.0, 1.0], ".png", 3)
    write_model_folder(tmp_path / "model", plans, make_dataset_json(".png", 3))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    process = start(tmp_path, whole)
    wait_for_work(process, whole)
    began = time.monotonic()
    finish(process)
    seconds = time.monotonic() - began
    expected, before = outputs(whole), shared_memory()
    assert len([name for name in expected if name.startswith("s/")]) >= 7
    moments = random.Random(5)
    kills = 0
    while kills < KILLS:
        for _ in range(KILLS_IN_A_ROW):
            process = start(tmp_path, killed)
            wait_for_work(process, killed)
            time.sleep(moments.uniform(0, seconds))
            kills += process.poll() is None
            process.kill()
            process.communicate()
        finish(start(tmp_path, killed))
        assert outputs(killed) == expected
        assert facts(killed) == facts(whole)
        shutil.rmtree(killed)
    late = time.monotonic() + 60  # memory of other tests comes and goes
    while not shared_memory() <= before:
        assert time.monotonic() < late
        time.sleep(0.2)


def test_a_slide_of_eight_gigapixels_killed_three_times_ends_with_the_same_bytes(tmp_path: Path) -> None:
    """Half an hour at full size: a small network at 2 micrometres per pixel."""
    (tmp_path / "slides").mkdir()
    width, height = scaled(100_000, 80_000)
    write_pyramid(tmp_path / "slides/s.tif", PyramidSettings(width, height))
    plans = make_plans([512, 512], [1.0, 1.0], ".png", 3)
    write_model_folder(tmp_path / "model", plans, make_dataset_json(".png", 3))
    asked = ("--mpp", 2.0, "--save", "labels", "overlay")  # outlines of an untrained network take for ever
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(start(tmp_path, whole, *asked), LONGEST_FULL_S)
    rows = -(-height // 4 // BAND_PX)
    for quarter in (1, 2, 3):
        process = start(tmp_path, killed, *asked)
        wait_for_bands(process, killed / "s/.work", max(1, rows * quarter // 4))
        assert process.poll() is None
        process.kill()
        process.communicate()
    finish(start(tmp_path, killed, *asked), LONGEST_FULL_S)
    assert outputs(killed) == outputs(whole)
    assert facts(killed) == facts(whole)


def wait_for_bands(process: "subprocess.Popen[bytes]", folder: Path, number: int) -> None:
    end = time.monotonic() + LONGEST_FULL_S
    while len(list(folder.glob("labels_*.b2nd"))) < number and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)


def shared_memory() -> set[str]:
    folder = Path("/dev/shm")
    return {name for name in os.listdir(folder) if name.startswith("psm_")} if folder.is_dir() else set()
