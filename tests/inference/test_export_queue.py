import errno
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from nnunetv2.errors import CaseFailedError, CasesFailedError, DiskFullError, WorkerDiedError
from nnunetv2.inference.export_queue import ExportQueue


def total(logits: np.ndarray, factor: int) -> float:
    return float(logits.sum()) * factor


def fail(logits: np.ndarray) -> None:
    raise OSError(5, "Input/output error")


def fill_disk(logits: np.ndarray) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def kill_worker(logits: np.ndarray) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def write_after(logits: np.ndarray, seconds: float, file: str) -> None:
    time.sleep(seconds)
    Path(file).write_text("done")


@pytest.mark.parametrize("workers", [0, 2])
def test_results_come_in_the_order_submitted(workers: int) -> None:
    import torch  # not at the top: the workers import this module

    with ExportQueue(workers) as exports:
        for number in range(5):
            exports.submit(f"case{number}", total, torch.full((2, 3), number).half(), 10)
        assert exports.finish() == [60 * number for number in range(5)]


def test_noncontiguous_arrays_arrive_intact() -> None:
    logits = np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1)[::2]
    with ExportQueue(1) as exports:
        exports.submit("case", np.ndarray.tolist, logits)
        assert exports.finish() == [logits.tolist()]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_failing_case_is_named_when_the_others_are_done(workers: int, tmp_path: Path, caplog) -> None:
    with ExportQueue(workers) as exports:
        exports.submit("bad", fail, np.zeros(3))
        exports.submit("good", write_after, np.zeros(3), 0, str(tmp_path / "good"))
        with pytest.raises(CaseFailedError, match=r"case bad: .*Input"):
            exports.finish()
    assert (tmp_path / "good").exists()
    assert [record.message for record in caplog.records] == [
        "case bad: Input/output error (continuing with the other cases)"
    ]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_full_disk_ends_the_work_after_the_exports_under_way(workers: int, tmp_path: Path) -> None:
    with ExportQueue(workers) as exports:
        with pytest.raises(DiskFullError, match=r"case bad: No space left on device; free some space"):  # noqa: PT012
            exports.submit("bad", fill_disk, np.zeros(3))
            for number in range(100):
                exports.submit(f"case{number}", write_after, np.zeros(3), 0, str(tmp_path / str(number)))
        assert len(list(tmp_path.iterdir())) < 10


def test_several_failing_cases_are_named_together() -> None:
    with ExportQueue(0) as exports:
        exports.submit("one", fail, np.zeros(3))
        exports.submit("two", fail, np.zeros(3))
        with pytest.raises(CasesFailedError, match=r"(?s)2 cases failed.*case one.*case two"):
            exports.finish()


def test_a_killed_worker_is_noticed() -> None:
    with ExportQueue(1) as exports:
        exports.submit("victim", kill_worker, np.zeros(3))
        with pytest.raises(WorkerDiedError, match=r"case victim.*SIGKILL"):
            exports.finish()


def test_waiting_exports_do_not_pile_up(tmp_path: Path) -> None:
    with ExportQueue(1) as exports:
        exports.submit("first", write_after, np.zeros(3), 0.5, str(tmp_path / "first"))
        exports.submit("second", write_after, np.zeros(3), 0, str(tmp_path / "second"))
        assert (tmp_path / "first").exists()
        exports.finish()


def test_no_temporary_files_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with ExportQueue(1) as exports:
        exports.submit("case", total, np.ones(3), 1)
        exports.submit("bad", fail, np.ones(3))
        exports.collect()
    assert list(tmp_path.iterdir()) == []
