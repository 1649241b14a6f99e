"""pyproject.toml and setup.py name exactly what is in the tree."""

import importlib
import runpy
import sys
from pathlib import Path

import pytest

from nnunetv2 import drift_version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SCRIPTS: dict[str, str] = PYPROJECT["project"]["scripts"]


def package_folders() -> set[str]:
    packages = set()
    for folder, name in ((ROOT / "s2s3", "nnunetv2"), (ROOT / "s1", "s1")):
        for init in folder.rglob("__init__.py"):
            packages.add(".".join([name, *init.parent.relative_to(folder).parts]))
    return packages


def test_every_package_folder_is_listed_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, list[str]] = {}
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("setuptools.setup", lambda **settings: given.update(settings))
    runpy.run_path("setup.py")
    assert set(given["packages"]) == package_folders()


def test_every_folder_with_modules_is_a_package() -> None:
    for folder in (ROOT / "s2s3", ROOT / "s1"):
        for module in folder.rglob("*.py"):
            assert (module.parent / "__init__.py").exists(), module


@pytest.mark.parametrize("script", sorted(SCRIPTS))
def test_every_console_script_points_to_a_callable(script: str) -> None:
    module, _, function = SCRIPTS[script].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_the_version_satisfies_projects_that_pin_nnunetv2() -> None:
    from packaging.specifiers import SpecifierSet

    version = f"{drift_version.NNUNET}+drift.{drift_version.DRIFT}"
    for pin in ("==2.8.1", ">=2.2.1", ">=2.3.1,<3", ">=2.8.1"):
        assert version in SpecifierSet(pin), pin


def test_requirements_are_pinned_exactly() -> None:
    from packaging.requirements import Requirement

    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and line[0] != "#"]
    for requirement in map(Requirement, lines):
        assert [spec.operator for spec in requirement.specifier] == ["=="], requirement
