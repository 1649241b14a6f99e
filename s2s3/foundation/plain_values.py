"""Nested values as plain Python has them, for JSON files, checkpoints and logs."""

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any


def converted(value: Any, leaf: Callable[[Any], Any]) -> Any:
    """Return a copy of nested dictionaries, lists and tuples with `leaf` of every other value and of every key.

    An OrderedDict, as of the weights of a network, counts as one value.
    """
    if isinstance(value, Mapping) and not isinstance(value, OrderedDict):
        return {leaf(key): converted(entry, leaf) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return (tuple if isinstance(value, tuple) else list)(converted(entry, leaf) for entry in value)
    return leaf(value)


def to_plain(value: Any) -> Any:
    """Return `value` with numpy and torch numbers as Python's and arrays as lists, at any depth."""
    return converted(value, lambda leaf: leaf.tolist() if hasattr(leaf, "tolist") else leaf)


def nan_as_none(value: Any) -> Any:
    """Return `value` with None for each number that is not finite, at any depth; JSON has no other."""
    return converted(value, lambda leaf: None if isinstance(leaf, float) and not math.isfinite(leaf) else leaf)
