"""Quotas of CPU time, read from made-up trees of control groups."""

from pathlib import Path

import pytest

from s1.cgroup_quota import cpu_quota

V1 = "35 32 0:30 {mounted} /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
V2 = "42 32 0:31 {mounted} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
OTHERS = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\nx\n36 32 0:33 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"


def write_tree(root: Path, groups: str, mounts: str, files: dict[str, str]) -> Path:
    """Write /proc/self and the files of groups, given relative to /sys/fs/cgroup."""
    contents = {"proc/self/cgroup": groups, "proc/self/mountinfo": OTHERS + mounts}
    contents |= {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    for name, text in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def version_2(root: Path, files: dict[str, str], group: str = "/a/b", mounted: str = "/") -> float | None:
    return cpu_quota(write_tree(root, f"0::{group}\n", V2.format(mounted=mounted), files))


def version_1(root: Path, files: dict[str, str], group: str = "/a/b", mounted: str = "/") -> float | None:
    groups = f"5:memory:/elsewhere\n4:cpu,cpuacct:{group}\n3:cpuset:/\n0::/\n"
    return cpu_quota(write_tree(root, groups, V1.format(mounted=mounted), files))


def test_version_2_divides_the_limit_by_the_period(tmp_path: Path) -> None:
    assert version_2(tmp_path, {"a/b/cpu.max": "150000 100000\n"}) == 1.5


def test_version_1_has_one_file_each_for_limit_and_period(tmp_path: Path) -> None:
    files = {"cpu/a/b/cpu.cfs_quota_us": "25000\n", "cpu/a/b/cpu.cfs_period_us": "50000\n"}
    assert version_1(tmp_path, files) == 0.5


@pytest.mark.parametrize(("group", "expected"), [("400000 100000", 2.0), ("max 100000", 2.0), ("100000 100000", 1.0)])
def test_the_smallest_quota_of_a_group_and_those_above_it_counts(tmp_path: Path, group: str, expected: float) -> None:
    files = {"a/b/cpu.max": group, "a/cpu.max": "200000 100000", "cpu.max": "300000 100000"}
    assert version_2(tmp_path, files) == expected


def test_groups_beside_or_below_ours_do_not_count(tmp_path: Path) -> None:
    assert version_2(tmp_path, {"other/cpu.max": "100000 100000", "a/b/c/cpu.max": "100000 100000"}) is None


def test_a_container_sees_its_own_group_as_the_root(tmp_path: Path) -> None:
    assert version_2(tmp_path, {"cpu.max": "300000 100000"}, group="/") == 3.0


def test_a_group_is_looked_up_relative_to_the_part_that_is_mounted(tmp_path: Path) -> None:
    files = {"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}
    assert version_1(tmp_path, files, group="/docker/12ab", mounted="/docker/12ab") == 2.0


@pytest.mark.parametrize("group", ["/elsewhere", "/../.."])
def test_a_group_outside_of_the_mount_falls_back_to_the_mount(tmp_path: Path, group: str) -> None:
    assert version_2(tmp_path, {"cpu.max": "100000 100000"}, group=group, mounted="/docker/12ab") == 1.0


def test_with_both_versions_mounted_both_count(tmp_path: Path) -> None:
    files = {
        "cpu/a/cpu.cfs_quota_us": "300000",
        "cpu/a/cpu.cfs_period_us": "100000",
        "unified/b/cpu.max": "200000 100000",
    }
    mounts = V1.format(mounted="/") + V2.format(mounted="/").replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified ")
    assert cpu_quota(write_tree(tmp_path, "4:cpu:/a\n0::/b\n", mounts, files)) == 2.0


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"cpu/a/b/cpu.cfs_quota_us": "-1", "cpu/a/b/cpu.cfs_period_us": "100000"},
        {"cpu/a/b/cpu.cfs_quota_us": "100000"},
        {"cpu/a/b/cpu.cfs_quota_us": "100000", "cpu/a/b/cpu.cfs_period_us": "0"},
        {"cpu/a/b/cpu.cfs_quota_us": "many", "cpu/a/b/cpu.cfs_period_us": ""},
    ],
)
def test_what_is_missing_or_no_number_is_no_limit(tmp_path: Path, files: dict[str, str]) -> None:
    assert version_1(tmp_path, files) is None


def test_a_system_without_control_groups_has_no_quota(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) is None
