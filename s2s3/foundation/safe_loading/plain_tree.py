"""Requires what was read from a file to be a tree of limited size: no loops, nothing repeated very often."""

from collections import OrderedDict
from itertools import chain
from pickle import UnpicklingError
from types import NoneType
from typing import Any

import numpy as np

from nnunetv2.foundation.safe_loading.pickle_values import require

MOST_VALUES = 2_000_000
DEEPEST = 100
_CONTAINERS = (list, tuple, set, frozenset, dict, OrderedDict)
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
    waiting: list[tuple[Any, int]] = [([result], 0)]
    seen = 0
    while waiting:
        container, depth = waiting.pop()
        require(depth <= DEEPEST, "structure, nested too deeply")
        parts = [container, container.values()] if isinstance(container, dict) else [container]
        seen += len(container) * len(parts)
        require(seen <= MOST_VALUES, "structure of too many values")
        for item in chain.from_iterable(parts):
            if type(item) in _CONTAINERS:
                waiting.append((item, depth + 1))
            elif not (isinstance(item, leaves) or id(item) in values):
                raise UnpicklingError(f"malformed value, a {type(item).__name__}")
