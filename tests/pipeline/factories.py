"""A tiny dataset of RGB images from two domains, and the console commands run on it as a user would."""

import json
import os
import shutil
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.conftest import NnunetFolders, folders_in, make_folders
from tests.forked_programs import run_program

NAME = "Dataset310_Cells"
CASES = tuple(f"case_{number:02d}" for number in range(10))
DOMAINS = {"A": list(CASES[0::2]), "B": list(CASES[1::2])}
SIDE = 64
SETTINGS = {"OMP_NUM_THREADS": "1", "nnUNet_compile": "f", "nnUNet_n_proc_DA": "0", "COLUMNS": "200"}


@dataclass(frozen=True)
class Finished:
    """The exit code and the output of a command."""

    code: int
    out: str
    errors: str

    @property
    def error(self) -> str:
        """The error of a command that failed because of its input, checked to be the only one."""
        assert self.code == 2, f"exit code {self.code}\n{self.errors}"
        assert "Traceback" not in self.out + self.errors
        _, found, error = self.errors.rpartition("error: ")
        assert found, self.errors
        assert self.errors.count("error: ") == 1, self.errors
        first, *problems = error.rstrip("\n").split("\n")
        assert all(problem.startswith("  ") for problem in problems), "one line, or a heading and indented problems"
        return "\n".join([first, *problems])


@dataclass(frozen=True)
class Workspace:
    """The three folders of nnU-Net for one test."""

    folders: NnunetFolders
    changes: dict[str, str | None] = field(default_factory=dict)
    """Environment variables to set; None unsets one."""

    @property
    def raw(self) -> Path:
        """The raw dataset."""
        return self.folders.raw / NAME

    @property
    def preprocessed(self) -> Path:
        """The preprocessed dataset."""
        return self.folders.preprocessed / NAME

    def run(self, command: str, *arguments: object, timeout: float = 300) -> Finished:
        """Run a console script to its end."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("nnUNet_", "PYTHONPATH"))}
        environment = {**inherited, **SETTINGS, **self.folders.environment, **self.changes}
        script = Path(sysconfig.get_path("scripts")) / command
        set_values = {key: value for key, value in environment.items() if value is not None}
        finished = run_program([str(script), *map(str, arguments)], set_values, timeout)
        return Finished(finished.returncode, finished.stdout, finished.stderr)

    def plan(self, *more: object) -> Finished:
        """Run nnUNetv2_plan_and_preprocess for 2d, in one process."""
        quiet = ("-np", 0, "-npfp", 0, "--no_pbar")
        return self.run("nnUNetv2_plan_and_preprocess", "-d", 310, "-c", "2d", *quiet, *more)

    def train(self, fold: object = 0, *more: object) -> Finished:
        """Run nnUNetv2_train on the CPU."""
        return self.run("nnUNetv2_train", 310, "2d", fold, "-device", "cpu", *more)

    def written(self) -> list[str]:
        """Every file below preprocessed and results, relative to their parent."""
        root = self.folders.raw.parent
        parts = (self.folders.preprocessed, self.folders.results)
        return sorted(str(file.relative_to(root)) for part in parts for file in part.rglob("*") if file.is_file())


def make_workspace(root: Path, **changes: str | None) -> Workspace:
    """Create the folders with a valid raw dataset."""
    workspace = Workspace(make_folders(root), changes)
    write_raw_dataset(workspace.raw)
    return workspace


def copy_workspace(source: Workspace, root: Path, **changes: str | None) -> Workspace:
    """Return a copy that a test may break."""
    shutil.copytree(source.folders.raw.parent, root, dirs_exist_ok=True)
    return Workspace(folders_in(root), changes)


def write_raw_dataset(folder: Path) -> None:
    """Write ten RGB images with a bright square each, masks, dataset.json and domains.json."""
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    for number, case in enumerate(CASES):
        picture = np.random.default_rng(number).integers(1, 180, (SIDE, SIDE, 3), dtype=np.uint8)
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[10 + number : 30 + number, 20:40] = 1
        picture[mask == 1] += 70
        save(picture, folder / "imagesTr" / f"{case}_0000.png")
        save(mask, folder / "labelsTr" / f"{case}.png")
    write_dataset_json(folder)
    write_domains(folder, DOMAINS)


def save(array: np.ndarray, path: Path) -> None:
    """Write (H, W) or (H, W, 3) uint8 as an image file."""
    Image.fromarray(array).save(path)


def write_dataset_json(folder: Path, **changes: Any) -> None:
    """Write dataset.json of the ten cases; `changes` replace entries."""
    content = {
        "channel_names": {"0": "R", "1": "G", "2": "B"},
        "labels": {"background": 0, "cell": 1},
        "numTraining": len(CASES),
        "file_ending": ".png",
        **changes,
    }
    (folder / "dataset.json").write_text(json.dumps(content))


def write_domains(folder: Path, domains: Mapping[str, list[str]]) -> None:
    """Write domains.json."""
    (folder / "domains.json").write_text(json.dumps({"domains": domains}))
