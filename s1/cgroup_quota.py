"""The CPU time that Linux's control groups grant this process."""

from pathlib import Path

from s1.control_groups import ROOT, group_folders, numbers_of


def cpu_quota(root: Path = ROOT) -> float | None:
    """Return the smallest quota along the process's groups and all groups above them, in CPUs; None if unlimited.

    Parameters:
        root: see `group_folders`.
    """
    quotas = [quota for folder in group_folders("cpu", root) for quota in (_quota_of(folder),) if quota is not None]
    return min(quotas, default=None)


def _quota_of(folder: Path) -> float | None:
    """Return the quota of one group in CPUs; None if it has none (`max` in version 2, -1 in version 1)."""
    numbers = numbers_of(folder / "cpu.max")
    if not numbers:
        numbers = [*numbers_of(folder / "cpu.cfs_quota_us"), *numbers_of(folder / "cpu.cfs_period_us")]
    if len(numbers) != 2 or min(numbers) <= 0:
        return None
    return numbers[0] / numbers[1]
