"""What settings of slides may be, and the line that says so when one is not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from nnunetv2.errors import ArgumentError
from s1.json_schema import shown

_FLAGS = {"simplify_um": "--simplify", "min_area_um2": "--min_area", "margin_um": "--margin", "memory_gb": "--memory"}
"""Setting -> flag of the commands, if that is not its name."""


@dataclass(frozen=True)
class SettingCheck:
    """Whether a setting is as it may be.

    Parameters:
        flag: by which the commands know it.
        expected: in words: "0 to 1".
    """

    flag: str
    value: Any
    is_right: bool
    expected: str

    @property
    def problem(self) -> str:
        """The line for one that is not."""
        return f"{self.flag} {_as_typed(self.value)}: expected {self.expected}"


def among(flag: str, value: Any, known: Sequence[Any]) -> SettingCheck:
    """Return the check that a value is one of those that are known."""
    return SettingCheck(flag, value, value in known, f"one of {', '.join(name for name in known if name is not None)}")


def require_right(checks: Iterable[SettingCheck]) -> None:
    """Raise ArgumentError, one line that names all settings that are wrong and what is expected of them."""
    wrong = [check.problem for check in checks if not check.is_right]
    if wrong:
        raise ArgumentError("; ".join(wrong))


def require_effect(settings: Any, reasons: Mapping[str, str]) -> None:
    """Raise ArgumentError, one line, if settings have other values than their defaults though they have no effect.

    Parameters:
        settings: a dataclass.
        reasons: setting without effect -> when it has none: "without --tissue_model"; others' may be among them.
    """
    defaults = {field.name: field.default for field in fields(settings)}
    named = {name: _FLAGS.get(name, f"--{name}") for name in reasons}
    given = [name for name in reasons if name in defaults and getattr(settings, name) != defaults[name]]
    if given:
        raise ArgumentError("; ".join(f"{named[name]} has no effect {reasons[name]}" for name in given))


def first_difference(found: Any, wanted: Any, names: tuple[str, ...] = ()) -> str | None:
    """Return 'labels Tumor 2 instead of 1' for the first value that differs in settings; None if none does.

    Parameters:
        found, wanted: values of JSON. Objects, and lists of pairs, are compared key by key.
        names: what the values are called.
    """
    if found == wanted:
        return None
    pair = _by_name(found), _by_name(wanted)
    if pair[0] is not None and pair[1] is not None:
        keys = list(dict.fromkeys([*pair[1], *pair[0]]))
        differences = (first_difference(pair[0].get(key), pair[1].get(key), (*names, str(key))) for key in keys)
        difference = next(filter(None, differences), None)
        if difference or isinstance(found, Mapping):
            return difference
        return f"{' '.join(names)} in the order {_listed(pair[0])} instead of {_listed(pair[1])}"
    return f"{' '.join(names)} {shown(found)} instead of {shown(wanted)}"


def _by_name(value: Any) -> dict[Any, Any] | None:
    """Return an object, or a list of pairs [name, value], as a dictionary; None for other values."""
    if isinstance(value, Mapping):
        return dict(value)
    is_pairs = isinstance(value, list) and value and all(isinstance(entry, list) for entry in value)
    if not is_pairs or any(len(entry) != len(("name", "value")) or not isinstance(entry[0], str) for entry in value):
        return None
    return dict(value)


def _listed(values: Mapping[Any, Any]) -> str:
    return ", ".join(map(str, values))


def _as_typed(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
