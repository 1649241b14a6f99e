"""Loads checkpoint files without running code that a file may contain.

Only tensors, plain Python values and numpy numbers are read. A file with objects of other classes is refused with
their names; setting the environment variable `nnUNet_unsafe_checkpoints=1` loads it anyway.
"""

import os
import pickle
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nnunetv2.errors import CheckpointError, DamagedCheckpointError, MissingFileError
from nnunetv2.foundation.safe_loading.checkpoint_archive import check_checkpoint_file
from nnunetv2.foundation.safe_loading.checkpoint_entries import check_entries
from nnunetv2.foundation.safe_loading.pickle_reader import RefusedNameError, printable
from nnunetv2.foundation.safe_loading.safe_pickle import UNSAFE_VARIABLE, unsafe_is_allowed
from s1.readable_files import is_given

_INTEGER_DTYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_DAMAGE = (
    *(RuntimeError, EOFError, KeyError, IndexError, ValueError, TypeError, OverflowError, MemoryError, OSError),
    *(zipfile.BadZipFile, zlib.error),
)
_MOST_NAMES_SHOWN = 8
_FLOAT_DTYPES = ("float16", "float32", "float64")


def load_checkpoint_file(path: str | os.PathLike[str], map_location: str | torch.device) -> dict[str, Any]:
    """Read a checkpoint file into a dict.

    Raises MissingFileError if there is no such file; DamagedCheckpointError if it is damaged; CheckpointError if it is
    not a dict, or contains objects of classes that are not allowed.
    """
    path = Path(path)
    if not is_given(path, CheckpointError):
        raise MissingFileError(f"checkpoint not found: {path}")
    content = _load_all(path, map_location) if unsafe_is_allowed() else _load_safely(path, map_location)
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: contains a {type(content).__name__}, expected a dict with 'network_weights'")
    check_entries(content, path)
    return content


def allowed_globals() -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """Return what a checkpoint may contain besides torch's own list: numpy numbers, also under names of numpy 1."""
    scalar = np.dtype(np.float64).type(0).__reduce__()[0]
    assert callable(scalar)
    dtypes = [type(np.dtype(name)) for name in (*_INTEGER_DTYPES, *_FLOAT_DTYPES)]
    return [
        scalar,
        (scalar, "numpy.core.multiarray.scalar"),
        (scalar, "numpy._core.multiarray.scalar"),
        np.dtype,
        *dtypes,
    ]


def _load_safely(path: Path, map_location: str | torch.device) -> Any:
    with torch.serialization.safe_globals(allowed_globals()):
        try:
            check_checkpoint_file(path)
            return torch.load(path, map_location=map_location, weights_only=True)
        except RefusedNameError as error:
            refused = _refused_types(path, "") or [error.name]
        except pickle.UnpicklingError as error:
            refused = _refused_types(path, str(error))
            if not refused:
                raise _damaged(path, error) from error
        except PermissionError:
            raise
        except _DAMAGE as error:
            raise _damaged(path, error) from error
    raise CheckpointError(
        f"{path}: contains objects of {', '.join(refused)}, which are not loaded because such a file can run code. "
        f"If you trust its author, set the environment variable {UNSAFE_VARIABLE}=1."
    )


def _load_all(path: Path, map_location: str | torch.device) -> Any:
    try:
        return torch.load(path, map_location=map_location, weights_only=False)
    except PermissionError:
        raise
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from error


def _refused_types(path: Path, message: str) -> list[str]:
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except (*_DAMAGE, AttributeError, pickle.UnpicklingError):  # not a zip file: written by an old torch
        names = re.findall(r"GLOBAL (\S+)", message)
    return sorted({printable(name.rstrip(".,")) for name in names})[:_MOST_NAMES_SHOWN]


def _damaged(path: Path, error: Exception) -> DamagedCheckpointError:
    first_line = (str(error) or type(error).__name__).splitlines()[0]
    return DamagedCheckpointError(
        f"{path}: not a readable checkpoint, the file is damaged or of another kind ({first_line})"
    )
