from pathlib import Path

import pytest

from s1.free_memory import available_bytes

GB = 1 << 30
V1 = "31 24 0:28 {mounted} {place} rw - cgroup cgroup rw,memory"
V2 = "42 32 0:31 {mounted} {place} rw - cgroup2 cgroup2 rw"


def write(root: Path, name: str, text: object) -> None:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{text}\n")


def groups(root: Path, own: str, mount: str, mounted: str = "/", place: str = "/sys/fs/cgroup") -> None:
    write(root, "proc/self/cgroup", own)
    write(root, "proc/self/mountinfo", mount.format(mounted=mounted, place=place))


def machine(root: Path, free_gb: int = 16) -> None:
    write(root, "proc/meminfo", f"MemTotal: 99999999 kB\nMemFree: 1 kB\nMemAvailable: {free_gb * GB // 1024} kB")


def test_the_machine_says_what_is_available(tmp_path):
    machine(tmp_path)
    assert available_bytes(tmp_path) == 16 * GB


@pytest.mark.parametrize("limited", ["", "/user", "/user/job"])
def test_a_control_group_or_one_around_it_leaves_less(tmp_path, limited):
    machine(tmp_path)
    groups(tmp_path, "0::/user/job", V2)
    for name in ("", "/user", "/user/job"):
        write(tmp_path, f"sys/fs/cgroup{name}/memory.max", 4 * GB if name == limited else "max")
        write(tmp_path, f"sys/fs/cgroup{name}/memory.current", 3 * GB)
        write(tmp_path, f"sys/fs/cgroup{name}/memory.stat", f"anon 5\ninactive_file {GB}\nactive_file 7")
    assert available_bytes(tmp_path) == 2 * GB  # files that are only cached can make room


def test_control_groups_of_version_1_are_known(tmp_path):
    machine(tmp_path)
    groups(tmp_path, "9:cpu,cpuacct:/\n7:memory:/job", V1, place="/sys/fs/cgroup/memory")
    write(tmp_path, "sys/fs/cgroup/memory/job/memory.limit_in_bytes", 3 * GB)
    write(tmp_path, "sys/fs/cgroup/memory/job/memory.usage_in_bytes", GB)
    assert available_bytes(tmp_path) == 2 * GB


@pytest.mark.parametrize("place", ["/sys/fs/cgroup/unified", "/mnt/groups"])
def test_a_group_is_looked_up_where_it_is_mounted(tmp_path, place):
    machine(tmp_path)
    groups(tmp_path, "0::/docker/12ab/job", V2, mounted="/docker/12ab", place=place)
    write(tmp_path, f"{place[1:]}/job/memory.max", 3 * GB)
    write(tmp_path, f"{place[1:]}/job/memory.current", GB)
    assert available_bytes(tmp_path) == 2 * GB


def test_a_group_above_its_limit_has_nothing_left(tmp_path):
    groups(tmp_path, "0::/", V2)
    write(tmp_path, "sys/fs/cgroup/memory.max", GB)
    write(tmp_path, "sys/fs/cgroup/memory.current", 2 * GB)
    assert available_bytes(tmp_path) == 0


def test_unknown_systems_have_no_figure(tmp_path):
    assert available_bytes(tmp_path) is None
    assert (available_bytes() or 0) > 0
