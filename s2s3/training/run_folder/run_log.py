"""The log file, the progress bars and debug.json of a training."""

import errno
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import torch

CITATION = """
#######################################################################
This training builds on nnU-Net; please cite:
Isensee, F., Jaeger, P. F., Kohl, S. A. A., Petersen, J., Maier-Hein, K. H. (2021). nnU-Net: a self-configuring method
for deep learning-based biomedical image segmentation. Nature Methods 18(2), 203-211.
#######################################################################
"""

REPORTED = (
    "train_losses",
    "val_losses",
    "dice_per_class_or_region",
    "epoch_start_timestamps",
    "epoch_end_timestamps",
)
"""Logged lists whose last entries are reported at the end of an epoch."""


def log_file_name(moment: datetime) -> str:
    """Return the name of the log of a training that starts at `moment`; only the time is padded with zeros."""
    return f"training_log_{moment.year}_{moment.month}_{moment.day}_{moment:%H_%M_%S}.txt"


def with_timestamp(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """Put the current time before the parts of a line."""
    return (f"{datetime.now()}:", *parts)


def append_line(file: str, parts: tuple[Any, ...], attempts: int = 5, pause_s: float = 0.5) -> None:
    """Append the parts, each followed by a space, as one line, and create the folder.

    Another attempt follows an OSError, but not if the disk is full.
    """
    line = "".join(f"{part} " for part in parts) + "\n"
    for attempt in range(attempts):
        try:
            os.makedirs(os.path.dirname(file), exist_ok=True)
            with open(file, "a") as stream:
                stream.write(line)
            return
        except OSError as error:
            if attempt == attempts - 1 or error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            time.sleep(pause_s)


def say(*parts: Any) -> None:
    """Print the parts of a line to the terminal at once."""
    sys.stdout.write(" ".join(map(str, parts)) + "\n")
    sys.stdout.flush()


def with_progress(steps: range, description: str, visible: bool = True) -> Iterator[int]:
    """Yield the numbers of steps under a bar that is only drawn on a terminal and disappears when full."""
    from tqdm import tqdm

    yield from tqdm(
        steps,
        desc=description,
        initial=steps.start,
        total=steps.stop,
        leave=False,
        disable=None if visible else True,
    )


def describe_state(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Return the content of debug.json: all attributes except methods as text, loaders in more detail."""
    described = {}
    for name, value in attributes.items():
        if name.startswith("__") or (callable(value) and name != "loss"):
            continue
        described[name] = repr(value) if name == "loss" else str(value)
        if name.startswith("dataloader_"):
            described |= _describe_loader(name, value)
    return described


def _describe_loader(name: str, loader: Any) -> dict[str, str]:
    described = {}
    for path in ("generator", "generator.transforms", "num_processes", "transform"):
        value = loader
        for part in path.split("."):
            value = getattr(value, part, _ABSENT)
        if value is not _ABSENT:
            described[f"{name}.{path}"] = str(value)
    return described


_ABSENT = object()


def describe_machine(device: torch.device) -> dict[str, str]:
    """Return host name, device and the versions of torch and cuDNN for debug.json."""
    described = {
        "hostname": platform.node(),
        "device": str(device),
        "torch_version": torch.__version__,
        "cudnn_version": "None",
    }
    if device.type == "cuda":
        described["gpu_name"] = torch.cuda.get_device_name(device)
        described["cudnn_version"] = str(torch.backends.cudnn.version())
    return described
