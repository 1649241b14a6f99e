"""Requires what was read from a file to be a tree of limited size: no loops, nothing repeated very often."""

from collections import OrderedDict
from types import NoneType
from typing import Any

import numpy as np

from nnunetv2.utilities.pickle_values import require

MOST_VALUES = 2_000_000
DEEPEST = 100
_LEAVES = (
    *(bool, int, float, complex, str, bytes, bytearray, NoneType, slice, range),
    *(np.ndarray, np.generic, np.dtype),
)


def check_tree(result: Any, values: list[int], leaves: tuple[type, ...]) -> None:
    """Raise UnpicklingError unless a value is a tree of plain values of limited size and depth.

    Parameters:
        values: ids of other objects that may occur.
        leaves: other types that may occur.
    """
    leaves = (*_LEAVES, *leaves)
    waiting, seen = [([result], 0)], 0
    while waiting:
        items, depth = waiting.pop()
        require(depth <= DEEPEST, "structure, nested too deeply")
        seen += len(items)
        require(seen <= MOST_VALUES, "structure of too many values")
        for item in items:
            if type(item) in (list, tuple, set, frozenset, dict, OrderedDict):
                waiting.append((_items(item), depth + 1))
            else:
                require(isinstance(item, leaves) or id(item) in values, f"value, a {type(item).__name__}")


def _items(container: Any) -> Any:
    return [*container, *container.values()] if isinstance(container, dict) else container
