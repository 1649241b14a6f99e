"""The folders of Linux's control groups (version 1 and 2) that limit this process, for example in a container."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path("/")


def group_folders(controller: str, root: Path = ROOT) -> Iterator[Path]:
    """Yield the folder of each group of this process that can limit it, and all above up to the mount.

    Files that are missing or cannot be understood count as no group.

    Parameters:
        controller: "cpu" or "memory".
        root: the folder that contains `proc/self/cgroup`, `proc/self/mountinfo` and, below it, the mounted groups.
    """
    groups = dict(_groups(controller, root))
    for is_version_2, mounted_group, mount in _mounts(controller, root):
        group = groups.get(is_version_2)
        if group is None:
            continue
        inside = _below(group, mounted_group)
        for part in [inside, *inside.parents]:
            yield root / mount.lstrip("/") / part


def _groups(controller: str, root: Path) -> Iterator[tuple[bool, str]]:
    """Yield (is it version 2?, path of the group) from lines `number:controllers:path`."""
    for line in lines_of(root / "proc/self/cgroup"):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers or controller in controllers.split(","):
            yield not controllers, path


def _mounts(controller: str, root: Path) -> Iterator[tuple[bool, str, str]]:
    """Yield (is it version 2?, group that is mounted, where) of mounted hierarchies that can have the controller."""
    for line in lines_of(root / "proc/self/mountinfo"):
        mount, _, kind = line.partition(" - ")
        fields, kinds = mount.split(), kind.split()
        if len(fields) < 5 or not kinds:
            continue
        if kinds[0] == "cgroup2" or (kinds[0] == "cgroup" and controller in kinds[-1].split(",")):
            yield kinds[0] == "cgroup2", fields[3], fields[4].replace(r"\040", " ")


def _below(group: str, mounted_group: str) -> PurePosixPath:
    """Return the group's folder relative to the mount; the mount itself if the group lies outside of it."""
    path = PurePosixPath(group)
    inside = path.is_relative_to(mounted_group) and ".." not in path.parts
    return path.relative_to(mounted_group) if inside else PurePosixPath()


def numbers_of(file: Path) -> list[int]:
    """Return the whole numbers in the first line of a file; none if it is missing or contains something else."""
    try:
        return [int(word) for word in next(lines_of(file), "").split()]
    except ValueError:
        return []


def lines_of(file: Path) -> Iterator[str]:
    """Yield the lines of a file; none if it is missing."""
    try:
        yield from file.read_text(errors="replace").splitlines()
    except OSError:
        return
