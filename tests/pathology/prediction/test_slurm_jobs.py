"""Jobs of a cluster: what is handed to Slurm, which a script of ours stands for, and how a job is asked to end."""

import os
import signal
from pathlib import Path

import pytest

from nnunetv2.errors import ArgumentError, SettingsError
from nnunetv2.pathology.prediction.slurm_jobs import (
    SlurmWork,
    StopRequested,
    slurm_options,
    stopping_in_order,
    submit,
    with_defaults,
)

submitit = pytest.importorskip("submitit")


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs that stand for Slurm: sbatch keeps the file it is given, and names a job."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "sbatch").write_text(f'#!/bin/sh\ncp "$1" {tmp_path}/submitted.sh\necho Submitted batch job 77\n')
    (folder / "srun").write_text("#!/bin/sh\n")
    for name in ("sbatch", "srun"):
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "submitted.sh"


def test_one_array_of_equal_jobs_is_submitted_with_the_options(slurm: Path, tmp_path: Path) -> None:
    options = slurm_options(["partition=gpu", "time=240", "mem_gb=32", "gpus_per_node=1"])
    assert submit(SlurmWork(print, ()), tmp_path / "out", 16, options) == [f"77_{number}" for number in range(16)]
    lines = slurm.read_text().splitlines()
    for line in ("partition=gpu", "time=240", "mem=32GB", "gpus-per-node=1", "array=0-15%16"):
        assert f"#SBATCH --{line}" in lines
    assert any(line.startswith("#SBATCH --signal=USR2@") for line in lines)
    assert len(list((tmp_path / "out/.jobs").glob("*submitted.pkl"))) >= 1


def test_what_nobody_asks_for_is_a_day_with_cpus_and_memory_for_all_processes_and_many_more_days(
    slurm: Path, tmp_path: Path
) -> None:
    options = with_defaults(slurm_options(["partition=gpu"]), readers=4, memory_gb=1.5, has_gpu=True)
    submit(SlurmWork(print, ()), tmp_path / "out", 16, options)
    lines = slurm.read_text().splitlines()
    for line in ("time=1440", "mem=12GB", "cpus-per-task=5", "gpus-per-node=1", "signal=USR2@600", "partition=gpu"):
        assert f"#SBATCH --{line}" in lines
    (pickled, *_) = (tmp_path / "out/.jobs").glob("*submitted.pkl")
    assert submitit.core.utils.DelayedSubmission.load(pickled)._timeout_countdown == 1000


def test_every_default_of_a_job_gives_way_to_an_option_however_it_is_named(slurm: Path, tmp_path: Path) -> None:
    given = ["time=30", "mem_per_cpu=4G", "cpus_per_gpu=6", "gres=gpu:1", "max_num_timeout=2", "gpus_per_task=1"]
    options = with_defaults(slurm_options(given), readers=0, memory_gb=1.5, has_gpu=True)
    submit(SlurmWork(print, ()), tmp_path / "out", 1, options)
    lines = slurm.read_text().splitlines()
    for line in ("time=30", "mem-per-cpu=4G", "cpus-per-gpu=6", "gres=gpu:1", "signal=USR2@90"):
        assert f"#SBATCH --{line}" in lines
    assert not [
        line
        for line in lines
        if line.startswith(("#SBATCH --mem=", "#SBATCH --cpus-per-task", "#SBATCH --gpus-per-node"))
    ]
    (pickled, *_) = (tmp_path / "out/.jobs").glob("*submitted.pkl")
    assert submitit.core.utils.DelayedSubmission.load(pickled)._timeout_countdown == 2
    assert with_defaults({"timeout_min": 240}, 0, 1.5, has_gpu=False) == {
        "timeout_min": 240,
        "mem_gb": 10,
        "cpus_per_task": 1,
        "slurm_signal_delay_s": 600,
    }


@pytest.mark.parametrize("text", ["partition", "=gpu", "a b=c", "time=1 2", "Time=1", "time=1\n#SBATCH --x"])
def test_options_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match="expected NAME=VALUE"):
        slurm_options([text])


def test_without_slurm_that_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match="--engine slurm: ") as caught:
        submit(SlurmWork(print, ()), tmp_path / "out", 1, {})
    assert "\n" not in str(caught.value)
    with pytest.raises(ArgumentError, match="--jobs 0"):
        submit(SlurmWork(print, ()), tmp_path / "out", 0, {})


def test_logs_are_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out/.jobs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SettingsError, match="is a link"):
        submit(SlurmWork(print, ()), tmp_path / "out", 1, {})


@pytest.mark.skipif(not hasattr(signal, "SIGUSR2"), reason="Windows has no Slurm")
def test_a_job_ends_after_the_band_and_is_then_started_again_by_submitit(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    before = signal.signal(signal.SIGUSR2, lambda *_: order.append("started again"))
    try:
        with stopping_in_order() as after_band:
            after_band()
            os.kill(os.getpid(), signal.SIGUSR2)
            order.append("band finished")
            try:
                after_band()
            finally:
                order.append("claim released")
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert order == ["band finished", "claim released", "started again"]
    assert not issubclass(StopRequested, Exception)
    work = SlurmWork(print, (1,))
    assert work.checkpoint().function is work
