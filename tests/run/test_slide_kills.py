"""`drift slide predict`, killed again and again at any moment, ends with the bytes of a run that nobody disturbed."""

import json
import os
import random
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import pytest
import torch

from nnunetv2.run.slide_command import slide_entry
from sample_data.pyramids import Damage, PyramidSettings, write_pyramid
from tests.factories.models import write_model_folder
from tests.factories.plans import make_architecture, make_dataset_json, make_plans
from tests.forked_programs import server_with, without_main_module
from tests.pathology.prediction.large_slides import scaled

pytestmark = pytest.mark.slow
IMPORTED_LATE = ("nnunetv2.run.slide_prediction", "nnunetv2.training.nnUNetTrainer.nnUNetTrainer", "openslide")
"""By the command; a process that starts with them is soon at work, which is when it is killed."""
KILLS = 20
KILLS_IN_A_ROW = 2
"""A slide that ends its process three times without a further part is given up."""
LONGEST_S, LONGEST_FULL_S = 900.0, 7200.0
BAND_PX = 1024
VARYING = {"state.json", "slides.csv", "summary.csv", "summary.json"}
"""Files with times; what they say of the labels is compared apart."""


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with server_with([__name__, *IMPORTED_LATE]) as context:
        yield context


def write_coarse_model(folder: Path, tile: int, features: Sequence[int]) -> None:
    """Write a model that sees no fine structure: the outlines of labels like noise would take most of the time."""
    plans = make_plans(
        [tile, tile], [1.0, 1.0], ".png", 3, configuration={"architecture": make_architecture(2, features)}
    )
    write_model_folder(folder, plans, make_dataset_json(".png", 3))
    file = folder / "fold_0/checkpoint_final.pth"
    checkpoint = torch.load(file, weights_only=False)
    for name, values in checkpoint["network_weights"].items():
        if "transpconvs" in name and values.ndim == 4:
            values[:] = values.mean((2, 3), keepdim=True)
        if name.startswith("decoder.stages") and values.ndim == 4:
            values[:, values.shape[1] // 2 :] = 0  # from the encoder, at full resolution
    torch.save(checkpoint, file)


def be_command(words: list[str], messages: Path) -> None:
    """Be `drift slide` in a process of its own."""
    resource_tracker._resource_tracker._fd = None  # type: ignore[attr-defined]  # one of its own, as a command has
    torch.set_num_threads(1)
    sys.stdout = sys.stderr = messages.open("w")
    sys.argv = ["drift slide", *words]
    slide_entry()


class Command:
    """`drift slide predict` at work on the slides of a folder."""

    def __init__(self, server: Any, root: Path, out: Path, *more: object):
        words = ["predict", "-i", root / "slides", "-o", out, "-m", root / "model", "-device", "cpu", "-nr", 1]
        words += ["--tissue", "none", "-step_size", 1, "--max_failed", 0.5, "--disable_progress_bar"]
        self._out, self._messages = out, root / "messages.txt"
        self._process = server.Process(target=be_command, args=([*map(str, words), *map(str, more)], self._messages))
        with without_main_module():
            self._process.start()

    def wait_for_work(self) -> None:
        """Wait until it has begun to write."""
        end = time.monotonic() + LONGEST_S
        while not (self._out / "run.json").exists() and self._process.is_alive() and time.monotonic() < end:
            time.sleep(0.002)

    def wait_for_bands(self, number: int) -> None:
        """Wait until so many bands of the slide `s` are finished."""
        end = time.monotonic() + LONGEST_FULL_S
        while len(self._bands()) < number and self._process.is_alive() and time.monotonic() < end:
            time.sleep(0.005)

    def kill(self) -> bool:
        """Kill it, and tell whether it was still at work."""
        self._process.kill()
        self._process.join()
        return bool(self._process.exitcode)

    def finish(self, longest_s: float = LONGEST_S) -> None:
        """Wait until it has ended without an error."""
        self._process.join(longest_s)
        assert self._process.exitcode == 0, self._messages.read_text()

    def _bands(self) -> list[Path]:
        return list((self._out / "s/.work").glob("labels_*.b2nd"))


def outputs(out: Path) -> dict[str, bytes]:
    files = [file for file in sorted(out.rglob("*")) if file.is_file() and file.name not in VARYING]
    return {str(file.relative_to(out)): file.read_bytes() for file in files if file.name != "report.html"}


def facts(out: Path) -> dict[str, object]:
    states = {file.parent.name: json.loads(file.read_text()) for file in sorted(out.glob("*/state.json"))}
    kept = ("state", "error", "read", "tiles", "normalization", "view", "measurements")
    return {name: {key: state[key] for key in kept} for name, state in states.items()}


def test_killed_at_any_moment_it_ends_with_the_same_bytes(server: Any, tmp_path: Path) -> None:
    (tmp_path / "slides").mkdir()
    damage = Damage(zeroed_tiles=((0, 4), (4, 4)))
    for name, width, height in (("s", 1100, 1200), ("t", 200, 1100)):
        settings = PyramidSettings(width, height, block_px=512, damage=damage if name == "s" else Damage())
        write_pyramid(tmp_path / f"slides/{name}.tif", settings)
    write_coarse_model(tmp_path / "model", 64, (8, 8, 8, 8, 8))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    asked = server, tmp_path
    all_outputs = "--save", "labels", "geojson", "overlay", "probabilities", "--min_area", 500
    narrow = "--memory", "0.14G", "--mpp", 0.5, *all_outputs  # two column blocks of the slide s share blocks of pixels
    process = Command(*asked, whole, *narrow)
    process.wait_for_work()
    began = time.monotonic()
    process.finish()
    seconds = time.monotonic() - began
    expected, before = outputs(whole), shared_memory()
    assert len([name for name in expected if name.startswith("s/")]) >= 7
    moments = random.Random(5)
    kills = 0
    while kills < KILLS:
        for _ in range(KILLS_IN_A_ROW):
            process = Command(*asked, killed, *narrow)
            process.wait_for_work()
            time.sleep(moments.uniform(0, seconds))
            kills += process.kill()
        Command(*asked, killed, *narrow).finish()
        assert outputs(killed) == expected
        assert facts(killed) == facts(whole)
        shutil.rmtree(killed)
    late = time.monotonic() + 60  # memory of other tests comes and goes
    while not shared_memory() <= before:
        assert time.monotonic() < late
        time.sleep(0.2)


def test_a_slide_of_eight_gigapixels_killed_three_times_ends_with_the_same_bytes(server: Any, tmp_path: Path) -> None:
    """Minutes at full size: a network of two stages with few channels, at 2 micrometres per pixel."""
    (tmp_path / "slides").mkdir()
    width, height = scaled(100_000, 80_000)
    write_pyramid(tmp_path / "slides/s.tif", PyramidSettings(width, height))
    write_coarse_model(tmp_path / "model", 512, (2, 4))
    asked = ("--mpp", 2.0, "--save", "labels", "overlay")  # outlines of an untrained network take for ever
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    Command(server, tmp_path, whole, *asked).finish(LONGEST_FULL_S)
    rows = -(-height // 4 // BAND_PX)
    for quarter in (1, 2, 3):
        process = Command(server, tmp_path, killed, *asked)
        process.wait_for_bands(max(1, rows * quarter // 4))
        assert process.kill()
    Command(server, tmp_path, killed, *asked).finish(LONGEST_FULL_S)
    assert outputs(killed) == outputs(whole)
    assert facts(killed) == facts(whole)


def shared_memory() -> set[str]:
    folder = Path("/dev/shm")
    return {name for name in os.listdir(folder) if name.startswith("psm_")} if folder.is_dir() else set()
