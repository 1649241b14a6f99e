"""Mistakes and interruption of a training in several processes, on the CPU."""

import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from nnunetv2.errors import DatasetError, DomainMapError, DriftError, WorkerDiedError
from nnunetv2.foundation.stop_signals import Stopped
from nnunetv2.run import gpu_processes, training_run
from nnunetv2.run import run_training as public
from nnunetv2.run.gpu_processes import run_on_gpus
from tests.conftest import NnunetFolders
from tests.training.tiny_dataset import CPU, DATASET, TinyDataset, TinyTrainer, write_preprocessed


def fail_on_the_second(rank: int) -> None:
    if rank == 1:
        raise DatasetError("broken", ["case_1: no image", "case_2: no image"])
    time.sleep(600)


def be_killed(rank: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def stop_itself(rank: int) -> None:
    signal.raise_signal(signal.SIGTERM)


def divide_by_zero(rank: int) -> None:
    raise ZeroDivisionError("a bug")


def wait_for_long(rank: int, folder: str) -> None:
    Path(folder, str(os.getpid())).touch()
    time.sleep(600)


def train_on_the_cpu(rank: int, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    torch.set_num_threads(1)
    torch.cuda.set_device = lambda _: None
    make_trainer: Any = public.get_trainer_from_args
    public.get_trainer_from_args = lambda *names: make_trainer(*names, CPU)
    training_run.run_ddp(rank, DATASET, "2d", 0, "nnUNetTrainer", "nnUNetPlans", *[False] * 3, None, False, False, 2)


class SlowDisk(TinyTrainer):
    """Gets a signal in its second step, and needs five seconds to write a checkpoint."""

    def train_step(self, batch):
        if self._so_far.steps == 1:
            signal.raise_signal(signal.SIGTERM)
        return super().train_step(batch)

    def _checkpoint_content(self):
        time.sleep(5)
        return super()._checkpoint_content()


def train_on_a_slow_disk(rank: int, environment: dict[str, str]) -> None:
    public.recursive_find_trainer_class_by_name = lambda _: SlowDisk
    train_on_the_cpu(rank, environment)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_processes, "SECONDS_TO_END", 0.1)
    for variable in ("MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork the processes, which spares them the import of everything; other tests here spawn them as commands do."""
    monkeypatch.setattr(gpu_processes.mp, "spawn", partial(gpu_processes.mp.start_processes, start_method="fork"))


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (fail_on_the_second, DatasetError, "broken\n  case_1: no image\n  case_2: no image"),
        (be_killed, WorkerDiedError, "GPU [01]: the worker process was killed by signal SIGKILL"),
        (divide_by_zero, Exception, "(?s)Process [01] terminated.*Traceback.*ZeroDivisionError: a bug"),
    ],
)
def test_a_failing_process_ends_all_and_its_error_arrives(function: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        run_on_gpus(function, 2, ())

    assert isinstance(caught.value, DriftError) is (error is not Exception)


@pytest.mark.long
@pytest.mark.usefixtures("forked")
def test_a_start_that_fails_in_all_processes_is_one_error_and_leaves_no_folder(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu_processes, "SECONDS_TO_END", 60)
    folder = write_preprocessed(TinyDataset(), nnunet_folders.preprocessed)
    (folder / "domains.json").write_text('{"domains": {"a": ["case_000"], "b": ["no_such_case"]}}')

    with pytest.raises(DomainMapError, match="no_such_case"):
        run_on_gpus(train_on_the_cpu, 2, ({**nnunet_folders.environment, "nnUNet_n_proc_DA": "0"},))

    assert list(nnunet_folders.results.iterdir()) == []
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.slow
def test_stopping_the_command_stops_its_processes(tmp_path: Path) -> None:
    def stop(*_: Any) -> None:
        if len(list(tmp_path.iterdir())) == 2:
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise SystemExit(143)

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)
    try:
        with pytest.raises(SystemExit):
            run_on_gpus(wait_for_long, 2, (str(tmp_path),))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    for process in (int(file.name) for file in tmp_path.iterdir()):
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def end_with_200(rank: int) -> None:
    os._exit(200)


@pytest.mark.long
def test_an_exit_code_that_is_of_no_signal_is_named() -> None:
    with pytest.raises(WorkerDiedError, match=r"GPU 0: .* exit code 200"):
        run_on_gpus(end_with_200, 1, ())


@pytest.mark.usefixtures("forked")
def test_a_process_that_a_signal_stopped_is_no_failure() -> None:
    with pytest.raises(Stopped, match="143"):
        run_on_gpus(stop_itself, 1, ())


@pytest.mark.slow
def test_no_process_ends_before_the_checkpoint_of_a_signal_is_written(nnunet_folders: NnunetFolders) -> None:
    write_preprocessed(TinyDataset(), nnunet_folders.preprocessed)

    with pytest.raises(Stopped, match="143"):
        run_on_gpus(train_on_a_slow_disk, 2, ({**nnunet_folders.environment, "nnUNet_n_proc_DA": "0"},))

    (fold,) = nnunet_folders.results.glob("*/SlowDisk__*/fold_0")
    content = torch.load(fold / "checkpoint_latest.pth", weights_only=True)
    assert content["drift"]["epoch_so_far"]["steps"] == 2
