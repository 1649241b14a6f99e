"""Writes checkpoints atomically, with tensors and plain Python values only."""

import os
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from nnunetv2.utilities.files import replacing


def write_checkpoint(content: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a checkpoint atomically; numpy numbers become Python numbers, so that it loads everywhere."""
    plain = {key: without_numpy(value) for key, value in content.items()}
    with replacing(path) as temporary:
        torch.save(plain, temporary)


def without_numpy(value: Any) -> Any:
    """Return the value with numpy scalars as Python numbers and arrays as lists, at any depth; tensors stay."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict) and not isinstance(value, OrderedDict):  # an ordered one is a state dict
        return {without_numpy(key): without_numpy(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return (tuple if isinstance(value, tuple) else list)(map(without_numpy, value))
    return value
