"""pyproject.toml and setup.py name exactly what is in the tree."""

import importlib
import runpy
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from nnunetv2 import drift_version
from tests.packaging.lowest_versions import lowest_versions

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


def locked() -> list[Requirement]:
    """The entries of requirements.txt."""
    lines = [line.partition("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
    return [Requirement(line) for line in lines if line]


def allowed() -> dict[str, Requirement]:
    """Name -> the range of a dependency."""
    extras = PYPROJECT["project"].get("optional-dependencies", {})
    lines = [
        *PYPROJECT["project"]["dependencies"],
        *(line for name in extras.keys() - {"dev"} for line in extras[name]),
    ]
    return {requirement.name.lower(): requirement for requirement in map(Requirement, lines)}


def test_the_lock_names_exact_versions() -> None:
    for requirement in locked():
        assert [spec.operator for spec in requirement.specifier] == ["=="], requirement


def test_every_locked_version_lies_in_the_range_that_the_package_allows() -> None:
    for requirement in locked():
        (version,) = (spec.version for spec in requirement.specifier)
        if requirement.name != "torchvision":  # needed by a dependency, not by us
            assert version in allowed()[requirement.name.lower()].specifier, requirement


def test_every_dependency_is_a_range_with_a_lowest_version_and_is_locked() -> None:
    names = {requirement.name.lower() for requirement in locked()}
    for line in PYPROJECT["project"]["dependencies"]:
        requirement = Requirement(line)
        assert requirement.name.lower() in names, f"{line} has no entry in requirements.txt"
        operators = {spec.operator for spec in requirement.specifier}
        assert ">=" in operators, f"{line} names no lowest version"
        assert operators <= {">=", "<"}, f"{line} would replace other people's versions"


def test_the_lowest_versions_are_those_of_the_ranges() -> None:
    found = {Requirement(line).name.lower(): line.partition("==")[2] for line in lowest_versions()}
    assert found["torch"] == "2.6"
    assert found.keys() == {Requirement(line).name.lower() for line in PYPROJECT["project"]["dependencies"]}
