"""The CPU time that Linux's control groups (version 1 and 2) grant this process, for example in a container."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path("/")


def cpu_quota(root: Path = ROOT) -> float | None:
    """Return the smallest quota along the process's groups and all groups above them, in CPUs; None if unlimited.

    Files that are missing or cannot be understood count as no limit.

    Parameters:
        root: the folder that contains `proc/self/cgroup`, `proc/self/mountinfo` and, below it, the mounted groups.
    """
    quotas = [quota for folder in _group_folders(root) for quota in (_quota_of(folder),) if quota is not None]
    return min(quotas, default=None)


def _group_folders(root: Path) -> Iterator[Path]:
    """Yield the folder of each group of this process that can limit its CPU time, and all above up to the mount."""
    groups = dict(_groups(root))
    for is_version_2, mounted_group, mount in _mounts(root):
        group = groups.get(is_version_2)
        if group is None:
            continue
        inside = _below(group, mounted_group)
        for part in [inside, *inside.parents]:
            yield root / mount.lstrip("/") / part


def _groups(root: Path) -> Iterator[tuple[bool, str]]:
    """Yield (is it version 2?, path of the group) from lines `number:controllers:path`."""
    for line in _lines(root / "proc/self/cgroup"):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers or "cpu" in controllers.split(","):
            yield not controllers, path


def _mounts(root: Path) -> Iterator[tuple[bool, str, str]]:
    """Yield (is it version 2?, group that is mounted, where) of mounted hierarchies that can limit CPU time."""
    for line in _lines(root / "proc/self/mountinfo"):
        mount, _, kind = line.partition(" - ")
        fields, kinds = mount.split(), kind.split()
        if len(fields) < 5 or not kinds:
            continue
        if kinds[0] == "cgroup2" or (kinds[0] == "cgroup" and "cpu" in kinds[-1].split(",")):
            yield kinds[0] == "cgroup2", fields[3], fields[4].replace(r"\040", " ")


def _below(group: str, mounted_group: str) -> PurePosixPath:
    """Return the group's folder relative to the mount; the mount itself if the group lies outside of it."""
    path = PurePosixPath(group)
    inside = path.is_relative_to(mounted_group) and ".." not in path.parts
    return path.relative_to(mounted_group) if inside else PurePosixPath()


def _quota_of(folder: Path) -> float | None:
    """Return the quota of one group in CPUs; None if it has none (`max` in version 2, -1 in version 1)."""
    numbers = _numbers(folder / "cpu.max")
    if not numbers:
        numbers = [*_numbers(folder / "cpu.cfs_quota_us"), *_numbers(folder / "cpu.cfs_period_us")]
    if len(numbers) != 2 or min(numbers) <= 0:
        return None
    return numbers[0] / numbers[1]


def _numbers(file: Path) -> list[int]:
    """Return the whole numbers in the first line of a file; none if it contains something else."""
    try:
        return [int(word) for word in next(_lines(file), "").split()]
    except ValueError:
        return []


def _lines(file: Path) -> Iterator[str]:
    try:
        yield from file.read_text(errors="replace").splitlines()
    except OSError:
        return
