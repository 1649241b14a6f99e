"""Print the lowest versions that pyproject.toml allows, or with `tools` its extra `dev`, for `make test-lowest`.

A pip requirement a line.
"""

import sys
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def lowest_versions() -> list[str]:
    """Return `name==lowest version` of every dependency, with its marker if it has one."""
    return [_lowest(Requirement(line)) for line in _project()["dependencies"]]


def tools() -> list[str]:
    """Return the requirements of the extra `dev`."""
    lines: list[str] = _project()["optional-dependencies"]["dev"]
    return lines


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads(PYPROJECT.read_text())["project"]
    return project


def _lowest(requirement: Requirement) -> str:
    (version,) = (spec.version for spec in requirement.specifier if spec.operator == ">=")
    marker = f"; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}=={version}{marker}"


if __name__ == "__main__":
    sys.stdout.write("\n".join(tools() if sys.argv[1:] == ["tools"] else lowest_versions()) + "\n")
