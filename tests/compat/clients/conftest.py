"""One model folder that nobody trained, and other people's programs that run with it, over nnU-Net and over ours."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.differential.oracle import ORACLE, ROOT, run_oracle
from tests.factories.plans import make_dataset_json, make_plans
from tests.forked_programs import run_program

HERE = Path(__file__).parent
CLIENTS = ROOT / ".clients"
SETTINGS = {
    "nnUNet_compile": "f",
    "nnUNet_n_proc_DA": "1",
    "nnUNet_def_n_proc": "2",
    "OMP_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
}


@dataclass(frozen=True)
class ClientRun:
    """What a program did."""

    code: int
    output: str
    folder: Path
    """Where it wrote."""

    @property
    def said(self) -> Any:
        """What the program reported in a line that starts with SAID, as JSON."""
        assert self.code == 0, self.output[-4000:]
        line = next(line for line in self.output.splitlines() if line.startswith("SAID"))
        return json.loads(line.removeprefix("SAID"))

    def images(self) -> dict[str, np.ndarray]:
        """Return all volumes that it wrote, by relative path."""
        return read_volumes(self.folder)


def read_volumes(folder: Path) -> dict[str, np.ndarray]:
    """Return the arrays of all NIfTI files in a folder and those in it, by relative path."""
    import SimpleITK as sitk

    return {
        file.relative_to(folder).as_posix(): sitk.GetArrayFromImage(sitk.ReadImage(str(file)))
        for file in sorted(folder.rglob("*.nii.gz"))
    }


def folders_of(root: Path) -> dict[str, str]:
    return {f"nnUNet_{name}": str(root / name) for name in ("raw", "preprocessed", "results")}


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw data, preprocessed data and a model, as nnU-Net writes them; copied before anything runs with them."""
    if not (CLIENTS / ".installed").is_file():
        pytest.skip("the programs are not installed: make test-clients")
    root = tmp_path_factory.mktemp("clients")
    for name in ("raw", "preprocessed", "results"):
        (root / name).mkdir()
    _describe_picture_model(root)
    run_oracle((HERE / "build_model.py").read_text(), root, env=folders_of(root))
    return root


def _describe_picture_model(root: Path) -> None:
    """Write plans and dataset.json of a model of grey PNG pictures with the classes of AxonDeepSeg, and a picture."""
    for name in ("png_model", "pictures"):
        (root / name).mkdir()
    dataset = make_dataset_json(".png", 1, {"background": 0, "axon": 1, "myelin": 2})
    for name, content in (("plans", make_plans([32, 32], [1.0, 1.0], ".png", 1)), ("dataset", dataset)):
        (root / "png_model" / f"{name}.json").write_text(json.dumps(content))
    noise = np.random.default_rng(3).integers(0, 255, (12, 14), np.uint8)
    Image.fromarray(noise.repeat(5, 0).repeat(5, 1)).save(root / "pictures" / "nerve.png")


@pytest.fixture
def run_client(untrained: Path, tmp_path: Path) -> Callable[..., ClientRun]:
    """A function that runs one of `programs/` with a copy of the model and an empty folder to write to."""

    def run(program: str, stock: bool, **environment: str) -> ClientRun:
        place = tmp_path / f"{program}_{'stock' if stock else 'ours'}"
        shutil.copytree(untrained, place / "model")
        (place / "out").mkdir()
        paths = [*([ORACLE] if stock else []), CLIENTS, HERE / "programs"]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("nnUNet_", "PYTHONPATH"))}
        path = {"PYTHONPATH": os.pathsep.join(map(str, paths)), "HOME": str(place)}
        variables = {**clean, **SETTINGS, **folders_of(place / "model"), **path, **environment}
        file = HERE / "programs" / f"{program}.py"
        done = run_program([str(file), str(place / "model"), str(place / "out")], variables, 600)
        return ClientRun(done.returncode, f"{done.stdout}\n{done.stderr}", place / "out")

    return run
