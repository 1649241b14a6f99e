"""The shares of a machine's CPUs, and how OpenMP's threads wait."""

import os
import subprocess
import sys

import pytest

from s1 import cpus


@pytest.fixture(autouse=True)
def _nothing_requested(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", *cpus.PASSIVE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    """A function that makes a machine of so many CPUs, with or without a quota."""

    def make(count: int, quota: float | None = None) -> None:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(count)), raising=False)
        monkeypatch.setattr(cpus, "cpu_quota", lambda: quota)

    return make


@pytest.mark.parametrize(
    ("affinity", "quota", "usable"), [(8, None, 8), (8, 3.0, 3), (2, 3.0, 2), (8, 1.5, 2), (8, 2.4, 2), (8, 0.1, 1)]
)
def test_usable_are_the_cpus_of_affinity_and_quota(machine, affinity: int, quota: float | None, usable: int) -> None:
    machine(affinity, quota)
    assert cpus.usable_cpus() == usable


def test_a_system_without_affinity_counts_its_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(cpus, "cpu_quota", lambda: None)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cpus.usable_cpus() == 1


@pytest.mark.parametrize(
    ("value", "threads"), [("3", 3), (" 3 ", 3), ("4,2", 4), ("", None), ("0", None), ("-1", None), ("x", None)]
)
def test_a_request_is_a_positive_number_or_a_list_of_them(value: str, threads: int | None) -> None:
    assert cpus.requested_threads({"OMP_NUM_THREADS": value}) == threads


@pytest.mark.parametrize(("count", "network", "feeders"), [(1, 1, 1), (2, 2, 1), (4, 3, 1), (16, 14, 2), (64, 56, 8)])
def test_a_network_and_those_that_feed_it_share_the_cpus(machine, count: int, network: int, feeders: int) -> None:
    machine(count)
    assert (cpus.network_threads(), cpus.feeding_processes()) == (network, feeders)


@pytest.mark.parametrize(("workers", "busy", "threads"), [(3, 0, 5), (3, 14, 1), (16, 0, 1), (40, 0, 1), (0, 0, 16)])
def test_the_workers_of_a_pool_share_what_their_parent_leaves(machine, workers: int, busy: int, threads: int) -> None:
    machine(16)
    assert cpus.threads_per_worker(workers, busy) == threads


def test_an_explicit_number_of_threads_wins_everywhere(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(16)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert (cpus.allowed_threads(), cpus.network_threads(), cpus.threads_per_worker(8)) == (5, 5, 5)


def test_threads_wait_passively_for_a_while_only() -> None:
    before = dict(os.environ)
    with cpus.waiting_passively():
        assert {name: os.environ[name] for name in cpus.PASSIVE} == cpus.PASSIVE
    assert dict(os.environ) == before


@pytest.mark.parametrize("name", list(cpus.PASSIVE))
def test_a_user_who_chose_how_threads_wait_is_left_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "7")
    with cpus.waiting_passively():
        assert {key for key in cpus.PASSIVE if key in os.environ} == {name}


def test_counting_cpus_needs_no_torch() -> None:
    script = "import sys; from s1.cpus import network_threads; network_threads(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
