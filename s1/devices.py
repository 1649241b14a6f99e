"""Choose where grey values are computed: NumPy on the CPU, or torch on a GPU (imported only if there may be one)."""

import re
import shutil
from pathlib import Path
from typing import Any

from s1.errors import SourceError


def choose_device(name: str) -> Any:
    """Return the torch device for `auto`, `cpu`, `cuda` or `cuda:i`; None means NumPy.

    Raises SourceError for any other name and for a GPU that does not exist.
    """
    if re.fullmatch(r"auto|cpu|cuda(:\d+)?", name) is None:
        raise SourceError(f"--device {name}: expected auto, cpu, cuda or cuda:0, cuda:1, ...")
    if name == "cpu" or (name == "auto" and not _may_have_gpu()):
        return None
    import torch

    if not torch.cuda.is_available():
        if name == "auto":
            return None
        raise SourceError(f"--device {name}: no CUDA device is available; use --device cpu")
    index = int(name.partition(":")[2] or 0)
    if index >= torch.cuda.device_count():
        raise SourceError(f"--device {name}: there are {torch.cuda.device_count()} CUDA devices, numbered from 0")
    return torch.device("cuda", index)


def _may_have_gpu() -> bool:
    """Return, without importing torch, whether an NVIDIA driver is installed."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
