"""Whether a network on the CPU computes in float32 or, where that is faster, in bfloat16: `nnUNet_cpu_precision`.

`auto` measures both once a computer and keeps the times in `drift/cpu_precision.json` of the user's cache folder.
"""

import math
import os
import platform
import time
from contextlib import AbstractContextManager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from nnunetv2.configuration import cpu_precision_setting
from nnunetv2.foundation.files import write_json
from s1.json_files import parse_json

_WORTH_IT = 1.2
"""Times that bfloat16 has to be faster."""
_MOST_BYTES = 1 << 14
_MOST_COMPUTERS = 32
_REPEATS = 3


def uses_bfloat16() -> bool:
    """Tell what the variable asks for. Raises SettingsError for a value that is none."""
    wanted = cpu_precision_setting()
    return wanted == "bf16" or (wanted == "auto" and _bfloat16_is_faster(torch.get_num_threads()))


def reduced_precision() -> AbstractContextManager[Any]:
    """Return a context in which networks on the CPU compute in bfloat16."""
    return torch.autocast("cpu", torch.bfloat16)


def as_float32(prediction: torch.Tensor) -> torch.Tensor:
    """Return a prediction in bfloat16 as float32, others as they are."""
    return prediction.float() if prediction.dtype is torch.bfloat16 else prediction


@lru_cache(maxsize=8)
def _bfloat16_is_faster(threads: int) -> bool:
    key, file = f"{_processor()}, torch {torch.__version__}, {threads} threads", _file()
    known = _read(file)
    if key not in known:
        known = {**dict(list(known.items())[1 - _MOST_COMPUTERS :]), key: _measure()}
        with suppress(OSError):  # it is measured again the next time
            file.parent.mkdir(parents=True, exist_ok=True)
            write_json(known, file)
    return known[key] >= _WORTH_IT


def _file() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if os.path.isabs(cache) else Path.home() / ".cache") / "drift" / "cpu_precision.json"


def _read(file: Path) -> dict[str, float]:
    """Return how many times bfloat16 is faster, by computer; nothing if the file holds anything else."""
    try:
        if not file.is_file() or file.stat().st_size > _MOST_BYTES:
            return {}
        content = parse_json(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    correct = isinstance(content, dict) and all(
        isinstance(ratio, float) and math.isfinite(ratio) for ratio in content.values()
    )
    return content if correct else {}


def _processor() -> str:
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return f"{platform.machine()} {platform.processor()}"


def _measure() -> float:
    """Return how many times faster a convolution is in bfloat16."""
    generator = torch.Generator().manual_seed(0)
    image, weight = (torch.randn(size, generator=generator) for size in ((1, 64, 128, 128), (64, 64, 3, 3)))
    float32, bfloat16 = (_shortest_s(image.to(dtype), weight.to(dtype)) for dtype in (torch.float32, torch.bfloat16))
    return float32 / bfloat16


def _shortest_s(image: torch.Tensor, weight: torch.Tensor) -> float:
    seconds = []
    with torch.inference_mode():
        torch.conv2d(image, weight, padding=1)
        for _ in range(_REPEATS):
            start = time.perf_counter()
            torch.conv2d(image, weight, padding=1)
            seconds.append(time.perf_counter() - start)
    return min(seconds)
