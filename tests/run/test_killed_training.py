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
LEAST_AFTER_A_STEP = 0.6
"""Share of the kills that have to hit a training that has begun its first step."""
DIFFERENT_STEPS = 6
MOMENTS = "moments.txt"
TIMES = ("epoch_start_timestamps", "epoch_end_timestamps", "epoch_seconds")


class Short(TinyTrainer):
    """Twelve short epochs, with joint balancing and without a final validation."""

    save_every = 3

    def __init__(self, plans, configuration, fold, dataset_json, device=CPU):
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs = 12

    def train_step(self, batch):
        with Path(self.output_folder, MOMENTS).open("a") as file:
            file.write(f"epoch {self.current_epoch}, step {self._so_far.steps}\n")
        return super().train_step(batch)

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


def wait_for_a_step(process: Any, file: Path) -> None:
    """Wait until a training begins a step, or has ended."""
    while not file.is_file() and process.exitcode is None:
        process.join(0.02)


def kill_again_and_again(context: Any, folders: NnunetFolders, fold: Path, moments: random.Random) -> list[str]:
    """Train to the end, killed up to KILLS_A_RUN times at random moments, every sixth time also before the first step.

    Returns epoch and step of each kill; of those before the first step, an empty text.
    """
    hit: list[str] = []
    for number in range(KILLS_A_RUN):
        (fold / MOMENTS).unlink(missing_ok=True)
        process = start(context, folders, moments.choice((0, 1, 4)), *(["--c"] if number else []))
        if moments.random() < 1 / 6:
            process.join(moments.uniform(0.2, 4))
        else:
            wait_for_a_step(process, fold / MOMENTS)
            process.join(moments.uniform(0, 2))
        if process.exitcode is not None:
            assert process.exitcode == 0
            return hit
        process.kill()
        process.join()
        hit.append((fold / MOMENTS).read_text().splitlines()[-1] if (fold / MOMENTS).is_file() else "")
    process = start(context, folders, moments.choice((0, 1, 4)), "--c")
    process.join()
    assert process.exitcode == 0
    return hit


@pytest.mark.slow
def test_killed_trainings_end_as_one_that_was_left_alone(nnunet_folders: NnunetFolders, server: Any) -> None:
    write_preprocessed(SEVERAL, nnunet_folders.preprocessed)
    fold = nnunet_folders.results / SEVERAL.name / "Short__nnUNetPlans__2d" / "fold_0"
    process = start(server, nnunet_folders, 0)
    process.join()
    assert process.exitcode == 0
    expected = results(fold)
    assert set(expected) == {"curves", "checkpoint_best.pth", "checkpoint_final.pth"}

    moments, hit = random.Random(0), []
    while len(hit) < KILLS:
        shutil.rmtree(nnunet_folders.results / SEVERAL.name)
        hit += kill_again_and_again(server, nnunet_folders, fold, moments)
        assert results(fold) == expected
    after_a_step = [moment for moment in hit if moment]
    assert len(after_a_step) > len(hit) * LEAST_AFTER_A_STEP, f"epoch and step of the kills: {hit}"
    assert len(set(after_a_step)) >= DIFFERENT_STEPS, f"epoch and step of the kills: {hit}"
