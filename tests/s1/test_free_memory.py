from pathlib import Path

import pytest

from s1.free_memory import available_bytes

GB = 1 << 30


def write(root: Path, name: str, text: object) -> None:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{text}\n")


def machine(root: Path, free_gb: int = 16) -> None:
    write(root, "proc/meminfo", f"MemTotal: 99999999 kB\nMemFree: 1 kB\nMemAvailable: {free_gb * GB // 1024} kB")


def test_the_machine_says_what_is_available(tmp_path):
    machine(tmp_path)
    assert available_bytes(tmp_path) == 16 * GB


@pytest.mark.parametrize("limited", ["", "/user", "/user/job"])
def test_a_control_group_or_one_around_it_leaves_less(tmp_path, limited):
    machine(tmp_path)
    write(tmp_path, "proc/self/cgroup", "0::/user/job")
    for name in ("", "/user", "/user/job"):
        write(tmp_path, f"sys/fs/cgroup{name}/memory.max", 4 * GB if name == limited else "max")
        write(tmp_path, f"sys/fs/cgroup{name}/memory.current", 3 * GB)
        write(tmp_path, f"sys/fs/cgroup{name}/memory.stat", f"anon 5\ninactive_file {GB}\nactive_file 7")
    assert available_bytes(tmp_path) == 2 * GB  # files that are only cached can make room


def test_control_groups_of_version_1_are_known(tmp_path):
    machine(tmp_path)
    write(tmp_path, "proc/self/cgroup", "9:cpu,cpuacct:/\n7:memory:/job")
    write(tmp_path, "sys/fs/cgroup/memory/job/memory.limit_in_bytes", 3 * GB)
    write(tmp_path, "sys/fs/cgroup/memory/job/memory.usage_in_bytes", GB)
    assert available_bytes(tmp_path) == 2 * GB


def test_a_group_above_its_limit_has_nothing_left(tmp_path):
    write(tmp_path, "proc/self/cgroup", "0::/")
    write(tmp_path, "sys/fs/cgroup/memory.max", GB)
    write(tmp_path, "sys/fs/cgroup/memory.current", 2 * GB)
    assert available_bytes(tmp_path) == 0


def test_unknown_systems_have_no_figure(tmp_path):
    assert available_bytes(tmp_path) is None
    assert (available_bytes() or 0) > 0
