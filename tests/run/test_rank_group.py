"""Training as processes that torchrun starts, on the CPU."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from nnunetv2.errors import ArgumentError, SettingsError
from nnunetv2.run.rank_group import as_launched_rank, is_launched, rank_variable
from nnunetv2.run.training_run import find_free_network_port, run_training
from tests.conftest import NnunetFolders
from tests.training.tiny_dataset import CPU, TinyDataset, write_preprocessed

SEVERAL = TinyDataset(domains=("north", "south"))
TRAINER = """
import torch
from nnunetv2.training.nnUNetTrainer.variants.domains.joint_balancing import nnUNetTrainerJointBalancing

class LongTrainer(nnUNetTrainerJointBalancing):
    def __init__(self, plans, configuration, fold, dataset_json, device=torch.device("cuda")):
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs, self.num_iterations_per_epoch, self.num_val_iterations_per_epoch = 100000, 2, 1
        self.save_every = 1
"""
LAUNCHED = {"RANK": "1", "LOCAL_RANK": "0", "WORLD_SIZE": "2"}


@pytest.fixture
def launch(nnunet_folders: NnunetFolders, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Start torchrun as on one of two machines, with one process on each."""
    write_preprocessed(SEVERAL, nnunet_folders.preprocessed)
    (tmp_path / "trainers").mkdir()
    (tmp_path / "trainers" / "long.py").write_text(TRAINER)
    settings = {"nnUNet_extTrainer": str(tmp_path / "trainers"), "nnUNet_n_proc_DA": "0", "OMP_NUM_THREADS": "1"}
    port, started = find_free_network_port(), []

    def start(machine: int, *options: str) -> Any:
        meeting = ["--nnodes=2", f"--node-rank={machine}", "--nproc-per-node=1", f"--master-port={port}"]
        launcher = ["-m", "torch.distributed.run", *meeting, "--master-addr=localhost"]
        training = ["-m", "nnunetv2.run.run_training", SEVERAL.name, "2d", "0", "-tr", "LongTrainer", "-device", "cpu"]
        process = subprocess.Popen(
            [sys.executable, *launcher, *training, *options],
            env={**os.environ, **nnunet_folders.environment, **settings, "DRIFT_SEED": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def wait_until(condition: Callable[[], Any], processes: list[Any], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "not in time"
        for process in processes:
            assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)


def worker_of(launcher: Any) -> int:
    return int(Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()[0])


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds processes in /proc")
def test_a_dead_rank_ends_all_machines_and_is_named_and_the_others_may_go_on(
    nnunet_folders: NnunetFolders, launch: Callable[..., Any]
) -> None:
    fold = nnunet_folders.results / SEVERAL.name / "LongTrainer__nnUNetPlans__2d" / "fold_0"
    machines = [launch(0), launch(1)]
    wait_until((fold / "checkpoint_latest.pth").is_file, machines)
    dead = worker_of(machines[1])
    killed_at = time.monotonic()
    os.kill(dead, signal.SIGKILL)
    errors = [machine.communicate(timeout=60)[1] for machine in machines]

    assert time.monotonic() - killed_at < 20
    assert f"error: rank 1 (process {dead} on " in errors[0]
    assert "Signal 9 (SIGKILL)" in errors[1]

    (fold / "checkpoint_latest.pth").unlink()
    machines = [launch(0, "--c"), launch(1, "--c")]
    wait_until((fold / "checkpoint_latest.pth").is_file, machines)
    for machine in machines:
        machine.send_signal(signal.SIGTERM)
    errors = [machine.communicate(timeout=60)[1] for machine in machines]
    assert all("stopped by signal SIGTERM" in error for error in errors), errors
    log = max(fold.glob("training_log_*.txt")).read_text()
    assert "Signal SIGTERM: the training stops after" in log
    content = torch.load(fold / "checkpoint_latest.pth", weights_only=True)["drift"]
    assert len(content.get("epoch_so_far", {"train_outputs": [[], []]})["train_outputs"]) == 2


@pytest.mark.parametrize(
    ("changes", "launched"),
    [({}, True), ({"WORLD_SIZE": "1"}, False), ({"RANK": None}, False), ({"LOCAL_RANK": None}, False)],
)
def test_torchrun_is_known_by_its_variables(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str | None], launched: bool
) -> None:
    for name, value in {**LAUNCHED, **changes}.items():
        if value is not None:
            monkeypatch.setenv(name, value)
    assert is_launched() is launched


def test_without_torchrun_nothing_changes() -> None:
    with as_launched_rank(CPU) as device:
        assert device == CPU
    assert not torch.distributed.is_initialized()


def test_torchrun_and_num_gpus_exclude_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in LAUNCHED.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ArgumentError, match="-num_gpus 2 starts processes as torchrun does"):
        run_training(901, "2d", 0, num_gpus=2)


def test_a_variable_that_is_no_number_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "two")
    with pytest.raises(SettingsError, match="WORLD_SIZE is 'two', expected a whole number"):
        rank_variable("WORLD_SIZE", 1)
