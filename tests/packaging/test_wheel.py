"""A wheel built from the tree, installed without the tree, has every module and every command."""

import email
import os
import subprocess
import sys
import sysconfig
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from nnunetv2 import drift_version
from tests.packaging.test_package_list import ROOT, SCRIPTS

pytestmark = pytest.mark.long

IMPORT_ALL = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
import nnunetv2
print(nnunetv2.__file__)
"""
NEEDS_AN_EXTRA = {"nnunetv2.serving.connection_deadlines": "uvicorn"}
"""Modules that build on a package of an extra."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files that a wheel is built from, so that nothing is built in the tree."""
    folder = tmp_path_factory.mktemp("source")
    wanted = ("s1", "s2s3", "setup.py", "*.toml", "*.md", "LICENSE")
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *wanted]
    for name in subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder


def build(source: Path, target: Path, **environment: str) -> Path:
    """Build a wheel of the source into the folder `target`; return its path."""
    pip = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(target),
        str(source),
    ]
    subprocess.run(pip, check=True, env={**os.environ, **environment})
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(source, tmp_path_factory.mktemp("wheel"), DRIFT_PLAIN_VERSION="0")


@pytest.fixture(scope="module")
def clean_environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel; the dependencies come from the running one, its editable install does not."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    install = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "-q", "--no-deps"]
    subprocess.run([*install, str(wheel)], check=True)
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return folder


def modules_in(wheel: Path) -> list[str]:
    names = [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".py")]
    return sorted(name[:-3].replace("/", ".").removesuffix(".__init__") for name in names)


def modules_that_import(wheel: Path) -> list[str]:
    """Leave out the modules whose extra is not installed."""
    absent = {module for module, package in NEEDS_AN_EXTRA.items() if find_spec(package) is None}
    return [name for name in modules_in(wheel) if name not in absent]


def test_the_wheel_holds_every_module_of_the_tree(wheel: Path) -> None:
    expected = set()
    for folder, package in (("s2s3", "nnunetv2"), ("s1", "s1")):
        for file in (ROOT / folder).rglob("*.py"):
            parts = [package, *file.relative_to(ROOT / folder).with_suffix("").parts]
            expected.add(".".join(parts).removesuffix(".__init__"))
    assert set(modules_in(wheel)) == expected
    assert {"s1/py.typed", "nnunetv2/py.typed", "nnunetv2/serving/page.html"} <= set(zipfile.ZipFile(wheel).namelist())


def test_every_module_imports_from_the_installed_wheel(wheel: Path, clean_environment: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("nnUNet_", "PYTHON"))}
    finished = subprocess.run(
        [clean_environment / "bin" / "python", "-c", IMPORT_ALL, *modules_that_import(wheel)],
        cwd=clean_environment,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert Path(finished.stdout.strip().splitlines()[-1]).is_relative_to(clean_environment)


@pytest.mark.parametrize("script", sorted(SCRIPTS))
def test_every_command_of_the_wheel_answers_help(script: str, clean_environment: Path) -> None:
    finished = subprocess.run(
        [clean_environment / "bin" / script, "--help"],
        cwd=clean_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert "usage:" in finished.stdout


def metadata_version(wheel: Path) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name))["Version"]


def test_the_version_names_both_packages(wheel: Path) -> None:
    assert metadata_version(wheel) == f"{drift_version.NNUNET}+drift.{drift_version.DRIFT}"


def test_a_switch_makes_the_version_the_text_that_programs_compare_with(source: Path, tmp_path: Path) -> None:
    plain = build(source, tmp_path, DRIFT_PLAIN_VERSION="1")
    assert metadata_version(plain) == "2.8.1"
    assert plain.name.startswith("nnunetv2-2.8.1-")


def test_another_value_of_the_switch_is_refused(source: Path) -> None:
    command = [sys.executable, "setup.py", "--version"]
    environment = {**os.environ, "DRIFT_PLAIN_VERSION": "yes"}
    finished = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert "DRIFT_PLAIN_VERSION=yes: expected 1 for the version 2.8.1, or 0" in finished.stderr
