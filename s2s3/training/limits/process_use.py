"""CPU time and memory of processes, where the system tells them: Linux' /proc."""

import os
import time
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
_AFTER_NAME = 11  # utime follows eleven entries after the name and its parenthesis


def cpu_seconds(process: int, proc: Path = PROC) -> float | None:
    """Return the CPU time that a process has used, None if it has ended or the system does not tell."""
    try:
        entries = (proc / str(process) / "stat").read_text().rpartition(")")[2].split()
        return sum(map(int, entries[_AFTER_NAME : _AFTER_NAME + 2])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return None


def own_cpu_seconds() -> float:
    """Return the CPU time of this process, all threads."""
    return time.process_time()


def memory_bytes(processes: Iterable[int], proc: Path = PROC) -> int | None:
    """Return the memory of processes, what they share counted once (PSS); None if the system does not tell."""
    sizes = [size for process in processes if (size := _proportional_bytes(process, proc)) is not None]
    return sum(sizes) if sizes else None


def _proportional_bytes(process: int, proc: Path) -> int | None:
    try:
        lines = (proc / str(process) / "smaps_rollup").read_text().splitlines()
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), None)
    except (OSError, ValueError, IndexError):
        return None
