"""Runs a command of this package, or the stock one of the same name, as a process of its own, and measures it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import resource, sys, time

if __name__ == "__main__":
    start = time.monotonic()
    from {module} import {function}
    {function}()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print()
    print(sum(one.ru_utime + one.ru_stime for one in used), time.monotonic() - start, used[0].ru_maxrss / 1024)
"""


@dataclass(frozen=True)
class Usage:
    """What a process and those that it started used, imports included."""

    cpu_s: float
    wall_s: float
    peak_mib: float
    """Of the process itself."""

    def __str__(self) -> str:
        return f"{self.cpu_s:.1f} s CPU, {self.wall_s:.1f} s wall, {self.peak_mib:.0f} MiB"


def measure(
    entry_point: str, arguments: list[object], folder: Path, stock: bool, threads: int, **settings: str
) -> Usage:
    """Run an entry point, `module:function`, with arguments.

    Parameters:
        folder: where the script is written.
        settings: variables of nnU-Net's environment, and ours.
    """
    module, function = entry_point.split(":")
    script = folder / ("stock.py" if stock else "ours.py")
    script.write_text(SCRIPT.format(module=module, function=function))
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("nnUNet_", "PYTHONPATH"))}
    environment.update(settings)
    environment.update({"OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(ROOT / ".oracle") if stock else ""})
    command = [sys.executable, str(script), *map(str, arguments)]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder)
    if finished.returncode:
        raise SystemExit(finished.stdout + finished.stderr)
    return Usage(*map(float, finished.stdout.splitlines()[-1].split()))
