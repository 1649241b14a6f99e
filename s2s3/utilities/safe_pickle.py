"""Reads pickle files of plain Python values and numpy arrays, without running code that a file may contain.

Setting the environment variable `nnUNet_unsafe_checkpoints=1` allows objects of all other classes too.
"""

import importlib
import os
import pickle
import re
from collections.abc import Mapping
from typing import Any

from nnunetv2.errors import CheckpointError, MissingFileError
from s1.readable_files import require_file

UNSAFE_VARIABLE = "nnUNet_unsafe_checkpoints"
_NUMPY_NAMES = {"scalar", "_reconstruct", "_frombuffer", "ndarray", "dtype"}
_NUMPY_MODULE = re.compile(r"numpy(\._?core(\.(multiarray|numeric))?)?")
_PLAIN = {
    ("_codecs", "encode"),
    ("collections", "OrderedDict"),
    *(("builtins", name) for name in ("set", "frozenset", "slice", "complex", "bytearray", "range")),
}


def unsafe_is_allowed() -> bool:
    """Return whether the user trusts the files, so that they may contain any class."""
    return os.environ.get(UNSAFE_VARIABLE, "").lower() in ("1", "true", "t")


def load_pickle(path: str | os.PathLike[str], also_allowed: Mapping[tuple[str, str], Any] | None = None) -> Any:
    """Return the content of a pickle file.

    Parameters:
        also_allowed: (module, name) -> object; further objects that the file may refer to.

    Raises MissingFileError if there is no such file, CheckpointError if it is damaged or refers to anything else.
    """
    require_file(path, CheckpointError)
    try:
        with open(path, "rb") as stream:
            return _Unpickler(stream, os.fspath(path), also_allowed or {}).load()
    except FileNotFoundError:
        raise MissingFileError(f"file not found: {path}") from None
    except (pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path}: damaged, or not a pickle file ({error})") from error


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: Any, path: str, also_allowed: Mapping[tuple[str, str], Any]):
        super().__init__(stream)
        self._path = path
        self._also_allowed = also_allowed

    def find_class(self, module: str, name: str) -> Any:
        """Return an allowed object; CheckpointError names any other."""
        if (module, name) in self._also_allowed:
            return self._also_allowed[module, name]
        module = _present_name(module)
        if (module, name) in _PLAIN or (name in _NUMPY_NAMES and _NUMPY_MODULE.fullmatch(module)):
            return getattr(importlib.import_module(module), name)
        if module == "numpy.dtypes":
            return getattr(importlib.import_module(module), name)
        if unsafe_is_allowed():
            return super().find_class(module, name)
        raise CheckpointError(
            f"{self._path}: refers to {module}.{name}, which is not loaded because such a file can run code. "
            f"If you trust its author, set the environment variable {UNSAFE_VARIABLE}=1."
        )


def _present_name(module: str) -> str:
    """Return today's name of a module of numpy 1 or, in old pickle protocols, of Python 2."""
    return "builtins" if module == "__builtin__" else module.replace("numpy.core", "numpy._core")
