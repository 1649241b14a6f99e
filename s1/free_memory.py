"""How much memory this process can still take."""

import os
from collections.abc import Iterator
from pathlib import Path

_LIMITS = {
    "": ("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    "memory": ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}
"""Controller in /proc/self/cgroup (none in version 2) -> folder, limit, use, and the part of it that can be freed."""


def available_bytes(root: Path = Path("/")) -> int | None:
    """Return the least of what the machine and the control groups of this process have left; None if unknown.

    Parameters:
        root: folder that holds `proc` and `sys`.
    """
    left = [*_left_on_machine(root), *_left_in_groups(root)]
    return max(min(left), 0) if left else None


def _left_on_machine(root: Path) -> Iterator[int]:
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024
            return
    names = getattr(os, "sysconf_names", {})
    if root == Path("/") and {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= names.keys():
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _left_in_groups(root: Path) -> Iterator[int]:
    """Yield what each control group with a limit has left, from that of this process up to the outermost."""
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, name = line.split(":", 2)
        if controllers in _LIMITS:
            mount, limit, use, unused = _LIMITS[controllers]
            inner = Path(name.lstrip("/"))
            for folder in dict.fromkeys([inner, *inner.parents]):
                yield from _left_in_group(root / mount / folder, limit, use, unused)


def _left_in_group(folder: Path, limit: str, use: str, unused: str) -> Iterator[int]:
    texts = [next(_lines(folder / name), "") for name in (limit, use)]
    if all(text.isdecimal() for text in texts):
        files = [line.split()[1] for line in _lines(folder / "memory.stat") if line.startswith(f"{unused} ")]
        yield int(texts[0]) - int(texts[1]) + sum(map(int, files))


def _lines(path: Path) -> Iterator[str]:
    try:
        yield from path.read_text().splitlines()
    except OSError:
        return
