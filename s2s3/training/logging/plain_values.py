"""Plain Python numbers out of numpy's and torch's, so that checkpoints load without an allow-list."""

from typing import Any


def to_plain(value: Any) -> Any:
    """Return `value` with every numpy or torch scalar as a Python number and every array as a list, at any depth."""
    if isinstance(value, dict):
        return {key: to_plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(entry) for entry in value]
    if hasattr(value, "tolist"):
        return value.tolist()
    return value
