"""Containers, workflows and files about the project are well formed and agree with each other."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from nnunetv2 import drift_version
from tests.packaging.test_package_list import ROOT

PROGRAMS = Path(sys.executable).parent
DOCKERFILES = sorted((ROOT / "containers").glob("*.Dockerfile"))


def check(program: str, *words: object) -> None:
    """Run a checker, where it is installed, and require that it finds nothing."""
    if not (PROGRAMS / program).is_file():
        pytest.skip(f"{program} is not installed")
    command = [str(PROGRAMS / program), *map(str, words)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_a_dockerfile_is_clean_and_runs_as_nobody_special(file: Path) -> None:
    check("hadolint", file)
    text = file.read_text()
    last_stage = text.rpartition("\nFROM ")[2]
    assert re.search(r"^USER [1-9]\d*$", last_stage, re.MULTILINE)
    assert "apt-get" not in last_stage
    assert {line.split()[1] for line in text.splitlines() if line.startswith("FROM")} == {
        "python:3.12.11-slim-bookworm"
    }


def test_there_are_containers_with_and_without_a_gpu() -> None:
    assert [file.name for file in DOCKERFILES] == ["cpu.Dockerfile", "cuda.Dockerfile"]


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-workflows", ".github/workflows/ci.yml"),
        ("vendor.dependabot", ".github/dependabot.yml"),
        ("vendor.citation-file-format", "CITATION.cff"),
    ],
)
def test_a_file_for_others_has_their_form(schema: str, file: str) -> None:
    check("check-jsonschema", "--builtin-schema", schema, ROOT / file)


def test_the_workflow_runs_targets_of_make_and_nothing_else() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    runs = re.findall(r"run: (.*)", (ROOT / ".github/workflows/ci.yml").read_text())
    assert runs
    assert all(re.fullmatch(r"make ([\w-]+)", run) and run.removeprefix("make ") in targets for run in runs)


def test_citation_and_changelog_are_of_the_version_that_is_released() -> None:
    assert f"\nversion: {drift_version.DRIFT}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## [{drift_version.DRIFT}] - " in (ROOT / "CHANGELOG.md").read_text()


def test_a_release_stops_before_anything_is_built_if_something_is_not_ready(tmp_path: Path) -> None:
    (tmp_path / "release.sh").write_bytes((ROOT / "release.sh").read_bytes())
    (tmp_path / "s2s3").mkdir()
    (tmp_path / "s2s3/drift_version.py").write_text('DRIFT = "9.9.9"\n')
    (tmp_path / "CHANGELOG.md").write_text("## [9.9.9] - unreleased\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")

    def release() -> str:
        finished = subprocess.run(["bash", "release.sh"], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert finished.returncode == 2
        return finished.stderr

    assert "changes without a commit" in release()
    subprocess.run(["git", "add", "-A"], cwd=tmp_path, check=True)
    subprocess.run(["git", *identity, "commit", "-qm", "x"], cwd=tmp_path, check=True)
    assert "CHANGELOG.md has no date for 9.9.9" in release()
