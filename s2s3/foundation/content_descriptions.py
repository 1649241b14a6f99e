"""Says in a few words what a file holds, for messages about the wrong file in the right place."""

import reprlib
from collections.abc import Mapping
from typing import Any

import numpy as np

_KEYS_SHOWN = 5


def describe_content(content: Any) -> str:
    """Return for example "a dict with 'spacing' and 'shape'" or "a list of 3 values"; always one short line."""
    if isinstance(content, Mapping):
        return f"a dict with {_list_keys(content)}" if content else "an empty dict"
    if isinstance(content, np.ndarray):
        return f"an array of shape {content.shape} and type {content.dtype}"
    if isinstance(content, list | tuple | set | frozenset):
        return f"a {type(content).__name__} of {len(content)} values"
    return f"a {type(content).__name__}"


def _list_keys(content: Mapping[Any, Any]) -> str:
    shown = [reprlib.repr(key) for key in list(content)[:_KEYS_SHOWN]]
    hidden = len(content) - len(shown)
    if hidden:
        shown.append(f"{hidden} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
