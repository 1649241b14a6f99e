"""How many CPUs and threads this process may use on a machine that it shares with others.

OMP_NUM_THREADS, if it is set, decides on threads everywhere. Otherwise the usable CPUs are divided between a network on
the CPU, the processes that feed it and the workers of a pool.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from s1.cgroup_quota import cpu_quota

SPINS = "30000"
PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": SPINS, "KMP_BLOCKTIME": "0"}
"""Settings of OpenMP's threads: sleep soon while waiting.

GNU's library (torch from PyPI, on Linux) reads the second, whose default is ten times as large; with a thirtieth of
ours a training step took a quarter longer on an idle machine. Intel's and LLVM's (conda, macOS) read the third, by
default 200 ms.
"""
CPUS_PER_FEEDER = 8
"""Augmentation or preprocessing takes about an eighth of the time that a network takes on the CPU."""


def usable_cpus() -> int:
    """Return how many CPUs this process may use, at least 1.

    That is the smaller of its affinity and its quota of CPU time, rounded to the nearest whole number (1.5 to 2).
    """
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()
    return cpus if quota is None else max(1, min(cpus, int(quota + 0.5)))


def requested_threads(environment: Mapping[str, str] = os.environ) -> int | None:
    """Return OMP_NUM_THREADS (of a list like 4,2 the first number); None if it is unset or no positive number."""
    first = environment.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) or None if first.isascii() and first.isdigit() else None


def allowed_threads() -> int:
    """Return how many threads this process may run: OMP_NUM_THREADS, or one per usable CPU."""
    return requested_threads() or usable_cpus()


def feeding_processes() -> int:
    """Return how many processes prepare the data of a network that computes on the CPU."""
    return max(1, usable_cpus() // CPUS_PER_FEEDER)


def network_threads() -> int:
    """Return how many threads a network on the CPU gets: OMP_NUM_THREADS, or the CPUs that its feeders leave.

    With fewer than 4 CPUs it gets all: a feeder works a small part of the time, and a CPU less would cost more.
    """
    cpus = usable_cpus()
    return requested_threads() or (cpus if cpus < 4 else cpus - feeding_processes())


def threads_per_worker(workers: int, busy_cpus: int = 0) -> int:
    """Return how many threads each of `workers` processes gets, while this process keeps `busy_cpus` busy."""
    return requested_threads() or max(1, (usable_cpus() - busy_cpus) // max(1, workers))


@contextmanager
def waiting_passively() -> Iterator[None]:
    """Set PASSIVE in this process's environment and in that of processes started in this context.

    Enter it before torch is imported: OpenMP reads its settings when it is loaded. Nothing changes if the user has set
    any of the three. Afterwards the environment is as before.
    """
    if any(name in os.environ for name in PASSIVE):
        yield
        return
    os.environ.update(PASSIVE)
    try:
        yield
    finally:
        for name in PASSIVE:
            os.environ.pop(name, None)
