"""How many times faster this computer computes in bfloat16: measured once, and kept in the user's cache folder.

The file, `drift/cpu_precision.json`, is read as one that anybody may have written: what it holds decides between two
ways to compute, and anything else in it counts as nothing. The key names processor and its abilities, version of torch
and number of threads, so that a home folder which several computers share keeps the times of each.
"""

import hashlib
import math
import os
import platform
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nnunetv2.foundation.files import write_json
from s1.json_files import parse_json

WORTH_IT = 1.2
"""Times that bfloat16 has to be faster."""
_LEAST_RATIO, _LARGEST_RATIO = 1e-3, 1e3
"""Beyond these a time was not measured."""
_LARGEST_ERROR = 0.02
"""Of the numbers in bfloat16, as a fraction of the largest; rounding gives less than 0.01."""
_MOST_BYTES = 1 << 14
_MOST_COMPUTERS = 32
_REPEATS = 5
_HOPELESS_S = 1.0
"""What takes longer, where milliseconds are usual, is not measured again: processors that only imitate bfloat16."""


@lru_cache(maxsize=8)
def is_faster(threads: int) -> bool:
    """Tell whether bfloat16 is worth it with so many threads of torch."""
    key, file = f"{_processor()}, torch {torch.__version__}, {threads} threads", _file()
    known = _read(file)
    if key not in known:
        known = {**dict(list(known.items())[1 - _MOST_COMPUTERS :]), key: _measure()}
        with suppress(OSError):  # it is measured again the next time
            file.parent.mkdir(parents=True, exist_ok=True)
            write_json(known, file)
    return known[key] >= WORTH_IT


def _file() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if os.path.isabs(cache) else Path.home() / ".cache") / "drift" / "cpu_precision.json"


def _read(file: Path) -> dict[str, float]:
    """Return how many times bfloat16 is faster, by computer; nothing if the file holds anything else."""
    try:
        if not file.is_file() or file.stat().st_size > _MOST_BYTES or _is_of_others(file):
            return {}
        content = parse_json(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    correct = isinstance(content, dict) and all(
        isinstance(ratio, float) and _LEAST_RATIO <= ratio <= _LARGEST_RATIO for ratio in content.values()
    )
    return content if correct else {}


def _is_of_others(file: Path) -> bool:
    """Tell whether another user wrote the file, where users have numbers."""
    return hasattr(os, "geteuid") and file.stat().st_uid != os.geteuid()


def _processor() -> str:
    """Return the name of the processor and a digest of its abilities, which virtual machines of one name differ in."""
    facts: dict[str, str] = {}
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            name, _, value = line.partition(":")
            facts.setdefault(name.strip(), value.strip())
    name = facts.get("model name") or f"{platform.machine()} {platform.processor()}"
    abilities = f"{facts.get('flags') or facts.get('Features')} {torch.backends.cpu.get_cpu_capability()}"
    return f"{name} {hashlib.sha256(abilities.encode()).hexdigest()[:8]}"


def _measure() -> float:
    """Return how many times faster a block of a network is in bfloat16; a very small number if its results differ."""
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(0)
        convolution = nn.Conv2d(64, 64, 3, padding=1)
        block = nn.Sequential(convolution, nn.InstanceNorm2d(64, affine=True), nn.LeakyReLU()).eval()
        image = torch.randn(1, 64, 128, 128)
        expected, found = block(image), _in_bfloat16(block, image).float()
        if not (found - expected).abs().max() <= _LARGEST_ERROR * expected.abs().max():
            return _LEAST_RATIO
        float32 = bfloat16 = math.inf
        for _ in range(_REPEATS):
            float32 = min(float32, _seconds(block, image))
            bfloat16 = min(bfloat16, _seconds(_in_bfloat16, block, image))
            if bfloat16 > _HOPELESS_S:
                break
    return min(max(float32 / bfloat16, _LEAST_RATIO), _LARGEST_RATIO)


def _in_bfloat16(block: nn.Module, image: torch.Tensor) -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        result: torch.Tensor = block(image)
    return result


def _seconds(function: Any, *arguments: Any) -> float:
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start
