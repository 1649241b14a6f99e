"""CPU time and memory of processes, as Linux tells them."""

import os
from pathlib import Path

import pytest

from nnunetv2.training.limits.process_use import cpu_seconds, memory_bytes


def write_process(proc: Path, number: int, stat: str, rollup: str) -> None:
    folder = proc / str(number)
    folder.mkdir()
    (folder / "stat").write_text(stat)
    (folder / "smaps_rollup").write_text(rollup)


def test_time_and_memory_are_read_also_of_a_process_with_a_strange_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sysconf", lambda _: 100)
    write_process(
        tmp_path, 7, "7 (a ) b) S 1 7 7 0 -1 4 100 0 0 0 250 50 9 9 20 0", "0-1 rollup\nRss: 9 kB\nPss: 4 kB\n"
    )
    write_process(tmp_path, 8, "8 (c) S", "Pss: 2 kB\n")
    assert cpu_seconds(7, tmp_path) == 3.0
    assert memory_bytes([7, 8], tmp_path) == 6 * 1024


def test_nothing_is_known_of_a_process_that_has_ended(tmp_path: Path) -> None:
    assert cpu_seconds(9, tmp_path) is None
    assert memory_bytes([9], tmp_path) is None
