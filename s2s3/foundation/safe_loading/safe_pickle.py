"""Reads pickle files of plain Python values and numpy arrays, without running code that a file may contain.

Setting the environment variable `nnUNet_unsafe_checkpoints=1` allows objects of all other classes too.
"""

import os
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnunetv2.errors import CheckpointError, MissingFileError
from nnunetv2.foundation.safe_loading.pickle_reader import RefusedNameError, read_pickle
from s1.environment import text_variable
from s1.readable_files import is_given

UNSAFE_VARIABLE = "nnUNet_unsafe_checkpoints"
LARGEST_FILE_BYTES = 1 << 29
_DAMAGE = (
    *(pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError, ValueError, TypeError),
    *(OverflowError, MemoryError, RecursionError),
)


def unsafe_is_allowed() -> bool:
    """Return whether the user trusts the files, so that they may contain any class."""
    return text_variable(UNSAFE_VARIABLE, "").lower() in ("1", "true", "t")


def load_pickle(path: str | os.PathLike[str], also_allowed: Mapping[tuple[str, str], Any] | None = None) -> Any:
    """Return the content of a pickle file.

    Parameters:
        also_allowed: (module, name) -> object; further objects that the file may refer to, but not call.

    Raises MissingFileError if there is no such file; CheckpointError if it is damaged, refers to anything else, or
    describes more than a file of its size should (see `pickle_reader`).
    """
    file = Path(path)
    if not is_given(file, CheckpointError):
        raise MissingFileError(f"file not found: {path}")
    try:
        return _load_all(file) if unsafe_is_allowed() else _load_safely(file, also_allowed or {})
    except RefusedNameError as error:
        raise CheckpointError(
            f"{path}: refers to {error.name}, which is not loaded because such a file can run code. "
            f"If you trust its author, set the environment variable {UNSAFE_VARIABLE}=1."
        ) from error
    except _DAMAGE as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise CheckpointError(f"{path}: damaged, or not a pickle file of plain values ({reason})") from error


def _load_safely(file: Path, also_allowed: Mapping[tuple[str, str], Any]) -> Any:
    size = file.stat().st_size
    if size > LARGEST_FILE_BYTES:
        raise pickle.UnpicklingError(f"{size} bytes, expected at most {LARGEST_FILE_BYTES}")
    values = {f"{module} {name}": value for (module, name), value in also_allowed.items()}
    with file.open("rb") as stream:
        return read_pickle(stream, size, values)


def _load_all(file: Path) -> Any:
    with file.open("rb") as stream:
        return _TrustingUnpickler(stream).load()


class _TrustingUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Find names of numpy 1 too."""
        return super().find_class(re.sub(r"^numpy\.core\b", "numpy._core", module), name)
