"""Every line of the shell blocks in README.md runs: here, in the tests named here, or as a target of make."""

import json
import os
import re
import runpy
import shlex
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from docs_site.command_pages import nnunet_commands
from docs_site.shell_blocks import ROOT
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from sample_data.dataset import DatasetSettings, make_folders, plan_cases, write_case, write_descriptions
from tests.conftest import NnunetFolders
from tests.pipeline.test_main_job import shrink_plans

ENTRIES = {**nnunet_commands(), "drift": "nnunetv2.run.drift_command:main"}
ELSEWHERE = ("pip install .", "DRIFT_PLAIN_VERSION=1 pip install .")
"""Run by tests/packaging/test_wheel.py."""
NAME = "Dataset110_SyntheticTissue"


def lines() -> list[str]:
    text = (ROOT / "README.md").read_text()
    indented = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    return [line.split("  #")[0].strip() for line in indented]


def test_every_line_is_a_command_that_is_known() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in lines():
        first, *rest = line.split()
        is_known = first in ENTRIES or first in ("export", "python") or line in ELSEWHERE
        assert is_known or (first == "make" and rest[0] in targets), line


@pytest.fixture
def project(nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch) -> NnunetFolders:
    """A small raw dataset, and a default trainer that takes two steps."""
    settings = DatasetSettings(cases_per_domain=3, held_out_per_domain=1, size_px=64, tiles_per_slide=1)
    first = 120  # the numbers in README's ranges lie on both sides of 123
    cases = [replace(case, name=f"{case.domain.name}_{n}") for n, case in enumerate(plan_cases(settings), first)]
    folder = make_folders(nnunet_folders.raw, 110, "SyntheticTissue")
    for case in cases:
        write_case(case, settings, folder)
    write_descriptions(cases, folder)
    for name, value in {"num_epochs": 1, "num_iterations_per_epoch": 2, "num_val_iterations_per_epoch": 1}.items():
        monkeypatch.setattr(nnUNetTrainer, name, value, raising=False)
    monkeypatch.setenv("nnUNet_n_proc_DA", "0")
    monkeypatch.setenv("nnUNet_def_n_proc", "1")
    monkeypatch.chdir(nnunet_folders.raw.parent)
    return nnunet_folders


def run(line: str) -> None:
    words = shlex.split(line)
    on_cpu = ["-device", "cpu"] if words[0] in ("nnUNetv2_train", "nnUNetv2_predict") else []
    if words[0] == "python":
        sys.argv = words[1:]
        runpy.run_path(str(ROOT / words[1]), run_name="__main__")
        return
    module, function = ENTRIES[words[0]].split(":")
    sys.argv = [*words, *on_cpu]
    getattr(import_module(module), function)()


def prepare(line: str, data: Path, cases: list[str]) -> None:
    """Bring the files about that a reader has before a line."""
    if line.startswith("drift domains"):
        (data / "domains.json").unlink(missing_ok=True)
        (Path("domains.csv")).write_text("case,domain\n" + "".join(f"{case},{case.split('_')[0]}\n" for case in cases))


@pytest.mark.slow
def test_the_commands_of_a_project_run_in_their_order(project: NnunetFolders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["x"])
    data = project.raw / NAME
    cases = [file.name.removesuffix(".png") for file in (data / "labelsTr").iterdir()]
    model = project.results / NAME / "nnUNetTrainer__nnUNetPlans__2d"
    places = {
        "IN": data / "imagesTs",
        "OUT": "predictions",
        "REFERENCE": data / "labelsTs",
        "dataset.json": "predictions/dataset.json",
        "plans.json": "predictions/plans.json",
        "domains.json": data / "domains_test.json",
        "MODEL_FOLDER": model,
        "PICTURES": "pictures",
    }
    for line in lines():
        if line.split()[0] not in ENTRIES and "PRISMDD" not in line:
            continue
        prepare(line, data, cases)
        run(" ".join(str(places.get(word, word)) for word in line.split()))
        if "plan_and_preprocess" in line:
            shrink_plans(project.preprocessed / NAME / "nnUNetPlans.json")
    assert json.loads((Path("predictions") / "domain_summary.json").read_text())["domains"]
    assert (model / "report.html").is_file()
    assert os.path.getsize("model.zip") > 0
    assert np.size(list(Path("pictures").iterdir())) == len(cases)
