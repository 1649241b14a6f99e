"""Configurations that take entries from others: `inherits_from` in plans.json."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from nnunetv2.errors import InvalidValueError, SettingsError
from nnunetv2.file_kinds.plans_files import PLANS, configuration_problems
from nnunetv2.foundation.files import raise_problems


def with_inherited(name: str, configurations: Mapping[str, Any], source: str = "plans") -> dict[str, Any]:
    """Return a copy of a configuration, merged over those it inherits from; `source` says where it is, in messages.

    Raises SettingsError for circular inheritance, InvalidValueError for an unknown parent.
    """
    resolved: dict[str, Any] = {}
    for member in reversed(lineage(name, configurations, source)):
        resolved.update(deepcopy(configurations[member]))
    return resolved


def lineage(name: str, configurations: Mapping[str, Any], source: str = "plans") -> list[str]:
    """Return the configuration, the one it inherits from, the one that this inherits from, and so on."""
    members = [name]
    while (parent := configurations[members[-1]].get("inherits_from")) is not None:
        if parent in members:
            raise SettingsError(f"{source}: circular inherits_from: {' -> '.join((*members, parent))}")
        if parent not in configurations:
            raise InvalidValueError(
                f"{source}: configuration {members[-1]} inherits from {parent}, which does not exist. Available "
                f"configurations: {', '.join(configurations)}"
            )
        members.append(parent)
    return members


def check_configuration(name: str, resolved: dict[str, Any], plans: Mapping[str, Any], source: str) -> None:
    """Raise InvalidValueError for wrong entries of a configuration, each named where the file has it.

    Parameters:
        resolved: what `with_inherited` returns.
        source: path of the plans, for the messages.
    """
    configurations = plans["configurations"]
    members, problems = lineage(name, configurations), []
    for problem in configuration_problems(resolved, plans):
        key = problem.place[0] if problem.place else None
        owner = next((member for member in members if key in configurations[member]), name)
        problems.append(problem.inside(owner).inside("configurations"))
    raise_problems(problems, source, PLANS)
