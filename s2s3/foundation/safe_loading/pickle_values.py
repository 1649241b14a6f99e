"""The values that a pickle file may describe: plain Python values, and numpy numbers, dtypes and arrays.

Nothing is looked up by a name from a file: `constructors` holds every name that may be called, each with a function of
ours that checks all arguments before it builds anything.
"""

import math
import re
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pickle import UnpicklingError
from types import NoneType
from typing import Any

import numpy as np

_SLACK_BYTES = 1 << 24
_MOST_TUPLE_KEYS = 5000
"""Hashes of tuples are not secret, so that many with equal ones can be made, and comparing these takes long."""
_DEEPEST_KEY = 4
_MOST_AXES = 32
_KEY_TYPES = (str, bytes, bool, float, NoneType, np.integer, np.floating, np.bool_)
_DTYPE = re.compile(r"[biufc](1|2|4|8|12|16|24|32)|[SU][0-9]{1,6}")
_WHOLE_NUMBERS = range(-(2**63), 2**64)
_SCALAR: Any = np.float64(0).__reduce__()[0]

CORE_MODULES = ("numpy.core", "numpy._core")
"""The names of one module in numpy 1 and in numpy 2."""


@dataclass(frozen=True)
class Reference:
    """A name in a pickle, `<module> <name>`, that may be called."""

    name: str


@dataclass(frozen=True)
class Constant:
    """A name in a pickle, `<module> <name>`, that is a value, such as a data type of torch."""

    name: str


@dataclass
class ReadingBudget:
    """What a pickle may still build beyond its own bytes, so that repeating a part of the file costs its size again."""

    file_bytes: int
    left_bytes: int = field(init=False)
    left_tuple_keys: int = field(init=False, default=_MOST_TUPLE_KEYS)

    def __post_init__(self) -> None:
        self.left_bytes = 2 * self.file_bytes + _SLACK_BYTES

    def charge(self, amount_bytes: int) -> None:
        """Take bytes from the budget before they are allocated; UnpicklingError if there are not as many."""
        self.left_bytes -= amount_bytes
        if self.left_bytes < 0:
            raise UnpicklingError("it describes far more data than it holds")

    def charge_tuple_key(self) -> None:
        """Count a tuple that is hashed."""
        self.left_tuple_keys -= 1
        if self.left_tuple_keys < 0:
            raise UnpicklingError(f"more than {_MOST_TUPLE_KEYS} tuples as keys")


def require(correct: bool, what: str) -> None:
    """Raise UnpicklingError, saying what is malformed, unless it is correct."""
    if not correct:
        raise UnpicklingError(f"malformed {what}")


def check_keys(keys: Iterable[Any], budget: ReadingBudget, depth: int = 0) -> None:
    """Raise UnpicklingError unless all may be keys of a dict or items of a set: numbers, text and short tuples."""
    for key in keys:
        if type(key) is tuple:
            require(depth < _DEEPEST_KEY, "key, tuples in tuples")
            budget.charge_tuple_key()
            budget.charge(len(key))
            check_keys(key, budget, depth + 1)
        elif type(key) is int:
            require(key in _WHOLE_NUMBERS, "key, a number of more than 64 bits")
        else:
            require(isinstance(key, _KEY_TYPES), f"key, a {type(key).__name__}")


def set_state(target: Any, state: Any, budget: ReadingBudget) -> None:
    """Complete a dtype or an array that a constructor of this module began."""
    if isinstance(target, np.dtype):
        _set_dtype_state(target, state)
    elif isinstance(target, np.ndarray):
        _set_array_state(target, state, budget)
    else:
        raise UnpicklingError(f"it sets attributes of a value, a {type(target).__name__}")


def _set_dtype_state(dtype: np.dtype, state: Any) -> None:
    plain = type(state) is tuple and all(type(value) in (int, str, NoneType) for value in state)
    require(plain and state in [dtype.newbyteorder(order).__reduce__()[2] for order in ("<", ">")], "state of a dtype")
    dtype.__setstate__(state)  # type: ignore[attr-defined]


def _set_array_state(array: np.ndarray, state: Any, budget: ReadingBudget) -> None:
    require(array.shape == (0,) and type(state) is tuple and len(state) == 5, "state of an array")
    version, shape, dtype, is_fortran, raw = state
    require(version == 1 and type(is_fortran) in (bool, int) and type(raw) is bytes, "state of an array")
    _check_content(shape, dtype, raw)
    budget.charge(len(raw))
    array.__setstate__((1, shape, dtype, bool(is_fortran), raw))  # type: ignore[arg-type]


def _check_content(shape: Any, dtype: Any, raw: bytes | bytearray) -> None:
    require(isinstance(dtype, np.dtype) and dtype.itemsize > 0, "dtype of an array")
    require(type(shape) is tuple and len(shape) <= _MOST_AXES, "shape of an array")
    require(all(type(length) is int and 0 <= length < 2**63 for length in shape), "shape of an array")
    expected = math.prod(shape) * dtype.itemsize
    if expected != len(raw):
        raise UnpicklingError(f"an array of {expected} bytes, of which the file holds {len(raw)}")
    _check_characters(dtype, raw)


def _check_characters(dtype: np.dtype, raw: bytes | bytearray) -> None:
    """Raise UnpicklingError for a text of numpy with numbers that are no characters; reading it would fail later."""
    if dtype.kind == "U" and raw:
        largest = int(np.frombuffer(raw, np.dtype(np.uint32).newbyteorder(dtype.byteorder)).max())
        require(largest <= sys.maxunicode, "text")


def _dtype(code: Any, align: Any = False, copy: Any = True) -> np.dtype:
    require(type(code) is str and align in (0, False) and copy in (1, True), "dtype")
    if not _DTYPE.fullmatch(code):
        raise UnpicklingError(f"a dtype {code[:20]!r}; expected one of numbers or text")
    return np.dtype(code, copy=True)


def _begun_array(kind: Any, shape: Any, code: Any) -> np.ndarray:
    require(kind == Reference("numpy ndarray") and shape == (0,) and code == b"b", "array")
    return np.ndarray((0,), np.int8)


def _array(buffer: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> np.ndarray:
    require(type(buffer) in (bytes, bytearray) and type(order) is str and order in ("C", "F", "K"), "array")
    _check_content(shape, dtype, buffer)
    if order == "K" and axes is not None:
        require(
            type(axes) is tuple and len(axes) == len(shape) and sorted(axes) == list(range(len(shape))),
            "order of the axes of an array",
        )
        return _array(buffer, dtype, shape, "C").transpose(axes)
    flat = np.frombuffer(buffer, dtype) if buffer else np.empty(0, dtype)
    return flat.reshape(shape, order="F" if order == "F" else "C")


def _slice(*limits: Any) -> slice:
    require(len(limits) == 3 and all(limit is None or _is_whole(limit) for limit in limits), "slice")
    return slice(*limits)


def _range(*limits: Any) -> range:
    require(len(limits) == 3 and all(map(_is_whole, limits)), "range")
    return range(*limits)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer)


def _complex(real: Any, imaginary: Any) -> complex:
    require(type(real) is float and type(imaginary) is float, "complex number")
    return complex(real, imaginary)


def _empty_bytes() -> bytes:
    return b""


def _empty_ordered_dict() -> OrderedDict[Any, Any]:
    return OrderedDict()


@dataclass(frozen=True)
class _Constructors:
    """Those that copy what the file holds, and so charge its size once more."""

    budget: ReadingBudget

    def encode(self, text: Any, encoding: Any) -> bytes:
        require(type(text) is str and encoding in ("latin1", "latin-1"), "bytes")
        self.budget.charge(len(text))
        return text.encode("latin-1")

    def number(self, dtype: Any, raw: Any) -> Any:
        """Return a number of numpy, or a text, which may be long."""
        require(isinstance(dtype, np.dtype) and type(raw) is bytes and len(raw) == dtype.itemsize, "number")
        _check_characters(dtype, raw)
        self.budget.charge(len(raw))
        return _SCALAR(dtype, raw)

    def bytearray(self, content: Any = b"", encoding: Any = None) -> bytearray:
        if encoding is not None:
            content = self.encode(content, encoding)
        require(type(content) is bytes, "bytearray")
        self.budget.charge(len(content))
        return bytearray(content)

    def set(self, items: Any = ()) -> set[Any]:
        require(type(items) in (list, tuple), "set")
        self.budget.charge(100 * len(items))
        check_keys(items, self.budget)
        return set(items)

    def frozenset(self, items: Any = ()) -> frozenset[Any]:
        return frozenset(self.set(items))


def constructors(budget: ReadingBudget) -> dict[str, Callable[..., Any]]:
    """Return what may be called, by `<module> <name>`; malformed arguments raise UnpicklingError or TypeError."""
    copying = _Constructors(budget)
    python: dict[str, Callable[..., Any]] = {
        "bytes": _empty_bytes,
        "bytearray": copying.bytearray,
        "set": copying.set,
        "frozenset": copying.frozenset,
        "slice": _slice,
        "complex": _complex,
        "range": _range,
        "xrange": _range,
    }
    return {
        "_codecs encode": copying.encode,
        "collections OrderedDict": _empty_ordered_dict,
        "numpy dtype": _dtype,
        **{f"{module} {name}": function for module in ("builtins", "__builtin__") for name, function in python.items()},
        **{f"{module}.multiarray scalar": copying.number for module in CORE_MODULES},
        **{f"{module}.multiarray _reconstruct": _begun_array for module in CORE_MODULES},
        **{f"{module}.numeric _frombuffer": _array for module in CORE_MODULES},
    }
