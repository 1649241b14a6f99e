"""How much memory this process can still take."""

import os
from collections.abc import Iterator
from pathlib import Path

from s1.control_groups import ROOT, group_folders, lines_of, numbers_of

_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""Of version 2 and 1: limit, use, and the entry of memory.stat for the part of it that can be freed."""


def available_bytes(root: Path = ROOT) -> int | None:
    """Return the least of what the machine and the control groups of this process have left; None if unknown.

    Parameters:
        root: folder that holds `proc` and the mounted groups.
    """
    in_groups = (left for folder in group_folders("memory", root) for left in _left_in_group(folder))
    left = [*_left_on_machine(root), *in_groups]
    return max(min(left), 0) if left else None


def _left_on_machine(root: Path) -> Iterator[int]:
    for line in lines_of(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024
            return
    names = getattr(os, "sysconf_names", {})
    if root == ROOT and {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= names.keys():
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _left_in_group(folder: Path) -> Iterator[int]:
    for limit, use, unused in _FILES:
        numbers = [*numbers_of(folder / limit), *numbers_of(folder / use)]  # no limit: `max`
        if len(numbers) == 2:
            files = (line.split()[1] for line in lines_of(folder / "memory.stat") if line.startswith(f"{unused} "))
            yield numbers[0] - numbers[1] + sum(map(int, files))
