"""A training with a seed that is killed again and again ends with the weights of one that was left alone."""

import json
import multiprocessing
import os
import random
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from nnunetv2.run import run_training as public
from nnunetv2.training.logging.nnunet_logger import MetaLogger
from tests.conftest import NnunetFolders
from tests.forked_programs import end_server
from tests.training.tiny_dataset import CPU, TinyDataset, TinyTrainer, make_trainer, write_preprocessed

SEVERAL = TinyDataset(domains=("north", "south"))
KILLS = 50
KILLS_A_RUN = 5
TIMES = ("epoch_start_timestamps", "epoch_end_timestamps", "epoch_seconds")


class Short(TinyTrainer):
    """Twelve short epochs, with joint balancing and without a final validation."""

    save_every = 3

    def __init__(self, plans, configuration, fold, dataset_json, device=CPU):
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs = 12

    def perform_actual_validation(self, save_probabilities: bool = False) -> None:
        pass


def train(environment: dict[str, str], processes: int, options: list[str]) -> None:
    """Be `nnUNetv2_train` with a seed."""
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    os.environ.update(environment, nnUNet_n_proc_DA=str(processes), DRIFT_SEED="3", OMP_NUM_THREADS="1")
    MetaLogger.plot_progress_png = lambda *_: None  # type: ignore[method-assign,assignment]
    public.get_trainer_from_args = lambda *_: make_trainer(SEVERAL, trainer_class=Short)  # type: ignore[attr-defined]
    sys.argv = ["nnUNetv2_train", SEVERAL.name, "2d", "0", "-device", "cpu", *options]
    public.run_training_entry()


@pytest.fixture
def server() -> Iterator[Any]:
    """A server of processes that have all modules, which no other test may get."""
    end_server()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    yield context
    end_server()


def start(context: Any, folders: NnunetFolders, processes: int, *options: str) -> Any:
    process = context.Process(target=train, args=(folders.environment, processes, list(options)))
    process.start()
    return process


def results(fold: Path) -> dict[str, Any]:
    """Return the checkpoints and the curves of a fold in plain values, without times."""
    curves = json.loads((fold / "training_curves.json").read_text())
    found: dict[str, Any] = {"curves": {name: curve for name, curve in curves.items() if name not in TIMES}}
    for file in sorted(fold.glob("checkpoint_*.pth")):
        content = torch.load(file, weights_only=True)
        content["logging"] = {name: curve for name, curve in content["logging"].items() if name not in TIMES}
        found[file.name] = plain(content)
    return found


def plain(value: Any) -> Any:
    """Return nested values with tensors as bytes, which can be compared bit by bit."""
    if isinstance(value, Mapping):
        return {name: plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value.numpy().tobytes() if isinstance(value, torch.Tensor) else value


def kill_again_and_again(context: Any, folders: NnunetFolders, moments: random.Random, longest: float) -> int:
    """Train to the end, killed up to KILLS_A_RUN times at random moments; return the number of kills."""
    for number in range(KILLS_A_RUN):
        process = start(context, folders, moments.choice((0, 1, 4)), *(["--c"] if number else []))
        process.join(moments.uniform(0.2, longest))
        if process.exitcode is not None:
            assert process.exitcode == 0
            return number
        process.kill()
        process.join()
    process = start(context, folders, moments.choice((0, 1, 4)), "--c")
    process.join()
    assert process.exitcode == 0
    return KILLS_A_RUN


@pytest.mark.slow
def test_killed_trainings_end_as_one_that_was_left_alone(nnunet_folders: NnunetFolders, server: Any) -> None:
    write_preprocessed(SEVERAL, nnunet_folders.preprocessed)
    fold = nnunet_folders.results / SEVERAL.name / "Short__nnUNetPlans__2d" / "fold_0"
    process = start(server, nnunet_folders, 0)
    process.join()
    assert process.exitcode == 0
    expected = results(fold)
    assert set(expected) == {"curves", "checkpoint_best.pth", "checkpoint_final.pth"}

    moments, kills = random.Random(0), 0
    while kills < KILLS:
        shutil.rmtree(nnunet_folders.results / SEVERAL.name)
        kills += kill_again_and_again(server, nnunet_folders, moments, longest=4.0)
        assert results(fold) == expected
