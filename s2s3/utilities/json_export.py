"""Convert values of numpy and torch to types that the json module can write."""

import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np


def recursive_fix_for_json_export(my_dict: dict[Any, Any]) -> None:
    """Replace, in place, numpy scalars and arrays by Python numbers and lists and torch devices by their names.

    Goes down into dicts, lists and tuples and covers numpy scalars used as keys. Other types stay as they are.
    """
    items = [(_plain(key), _plain(value)) for key, value in my_dict.items()]
    my_dict.clear()
    my_dict.update(items)


def fix_types_iterable(iterable: Iterable[Any], output_type: Callable[[list[Any]], Any]) -> Any:
    """Return the elements, converted for JSON, as `output_type` (list or tuple)."""
    return output_type([_plain(element) for element in iterable])


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        recursive_fix_for_json_export(value)
        return value
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if type(value) in (list, tuple):
        return fix_types_iterable(value, type(value))
    return str(value) if _is_torch_device(value) else value


def _is_torch_device(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.device)
