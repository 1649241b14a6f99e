"""Converts numpy and torch numbers to Python numbers, so that checkpoints load without an allow-list."""

from typing import Any


def to_plain(value: Any) -> Any:
    """Return `value` with numpy and torch scalars as Python numbers and arrays as lists, at any depth."""
    if isinstance(value, dict):
        return {key: to_plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(entry) for entry in value]
    if hasattr(value, "tolist"):
        return value.tolist()
    return value
