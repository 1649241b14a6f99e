"""Reading and writing checkpoint files: tensors and plain Python values only, nothing in them is ever executed.

Files of nnU-Net hold numpy scalars, so these are allowed as well. Whoever has a file with other types in it, and
trusts it, either allows the types beforehand (`torch.serialization.add_safe_globals`) or sets the environment
variable DRIFT_TRUST_CHECKPOINTS to 1, which makes torch unpickle anything.
"""

import os
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nnunetv2.errors import CheckpointError, MissingFileError
from nnunetv2.utilities.files import replacing

TRUST_VARIABLE = "DRIFT_TRUST_CHECKPOINTS"


def read_checkpoint(path: str | os.PathLike[str], device: torch.device | str = "cpu") -> dict[str, Any]:
    """Return the content of a checkpoint with its tensors on `device`.

    Raises MissingFileError if there is no such file, CheckpointError if it is damaged or holds a refused type.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f"checkpoint not found: {path}")
    try:
        content = _load(path, device)
    except PermissionError:
        raise
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, LookupError, AttributeError, ValueError) as error:
        raise CheckpointError(_describe_failure(path, error)) from error
    if not isinstance(content, dict):
        raise CheckpointError(
            f"{path}: expected a dictionary as in a checkpoint of nnU-Net, got {type(content).__name__}"
        )
    return content


def _load(path: Path, device: torch.device | str) -> Any:
    if os.environ.get(TRUST_VARIABLE) == "1":
        return torch.load(path, map_location=device, weights_only=False)
    with torch.serialization.safe_globals(_allowed_types()):
        return torch.load(path, map_location=device, weights_only=True)


def _allowed_types() -> list[Any]:
    """Return numpy's scalars and arrays, also under the module name that files written with numpy 1 use."""
    scalar = np._core.multiarray.scalar  # type: ignore[attr-defined]
    rebuild = np._core.multiarray._reconstruct  # type: ignore[attr-defined]
    dtypes = [type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")]
    aliases = [(scalar, "numpy.core.multiarray.scalar"), (rebuild, "numpy.core.multiarray._reconstruct")]
    return [scalar, rebuild, np.ndarray, np.dtype, *dtypes, *aliases]


def _describe_failure(path: Path, error: Exception) -> str:
    refused = _refused_types(path)
    if not refused:
        return f"{path}: damaged, or no file that torch.save wrote ({type(error).__name__})"
    return (
        f"{path}: holds {', '.join(refused)}, which is not loaded because unpickling it could run code. If you trust "
        f"the file, allow the type with torch.serialization.add_safe_globals or set {TRUST_VARIABLE}=1"
    )


def _refused_types(path: Path) -> list[str]:
    try:
        with torch.serialization.safe_globals(_allowed_types()):
            return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception:
        return []


def write_checkpoint(content: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a checkpoint atomically; numpy scalars become Python numbers."""
    plain = {key: to_plain(value) for key, value in content.items()}
    with replacing(path) as temporary:
        torch.save(plain, temporary)


def to_plain(value: Any) -> Any:
    """Return the value with numpy scalars and arrays replaced by Python numbers and lists; tensors stay."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict) and not isinstance(value, OrderedDict):  # an ordered one is a state dict
        return {to_plain(key): to_plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return (tuple if isinstance(value, tuple) else list)(map(to_plain, value))
    return value
