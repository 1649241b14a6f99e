"""Settings of slides as plain values for JSON, and back, with every key and type checked."""

import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from nnunetv2.errors import ArgumentError

Settings = TypeVar("Settings")


def settings_from_dict(kind: type[Settings], values: Mapping[str, Any], what: str) -> Settings:
    """Return the settings, an instance of the frozen dataclass `kind`, that `settings_to_dict` returned as values.

    Parameters:
        what: the settings are of, for messages: "a prediction on slides".

    Raises ArgumentError for unknown keys and values of another type; the dataclass raises its own errors.
    """
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    unknown = sorted(map(str, set(values) - set(known)))
    if unknown:
        raise ArgumentError(f"unknown settings of {what}: {', '.join(unknown)}; expected some of {', '.join(known)}")
    hints = get_type_hints(kind)
    for name, value in values.items():
        if not _fits(value, hints[name]):
            raise ArgumentError(f"settings of {what}: {name} is {value!r}, expected {_shown(hints[name])}")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def settings_to_dict(settings: Any) -> dict[str, Any]:
    """Return all settings as JSON values: tuples become lists."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(settings).items()}


def _fits(value: Any, hint: Any) -> bool:
    """Tell whether a JSON value is of the type of a field: plain types, tuples of one type, mappings, or None."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in arguments)
    if origin is tuple:
        return isinstance(value, list | tuple) and all(_fits(entry, arguments[0]) for entry in value)
    if origin is not None:
        return isinstance(value, origin) and all(
            _fits(key, arguments[0]) and _fits(entry, arguments[1]) for key, entry in value.items()
        )
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(value, hint) and (hint is bool or not isinstance(value, bool))


def _shown(hint: Any) -> str:
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(_shown(one) for one in get_args(hint))
    return "null" if hint is NoneType else str(getattr(hint, "__name__", hint))
