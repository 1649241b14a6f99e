"""Print the lowest versions that pyproject.toml allows, a pip requirement a line: `make test-lowest` installs them."""

import sys
from pathlib import Path

from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def lowest_versions() -> list[str]:
    """Return `name==lowest version` of every dependency, with its marker if it has one."""
    dependencies = tomllib.loads(PYPROJECT.read_text())["project"]["dependencies"]
    return [_lowest(Requirement(line)) for line in dependencies]


def _lowest(requirement: Requirement) -> str:
    (version,) = (spec.version for spec in requirement.specifier if spec.operator == ">=")
    marker = f"; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}=={version}{marker}"


if __name__ == "__main__":
    sys.stdout.write("\n".join(lowest_versions()) + "\n")
