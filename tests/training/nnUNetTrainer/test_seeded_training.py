"""With a seed a training is the same whoever makes its batches, and wherever it was interrupted."""

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nnunetv2.boundary.edge_branch import plain_network
from nnunetv2.foundation.plain_values import converted
from nnunetv2.foundation.stop_signals import Stopped, signals_watched
from nnunetv2.training.logging.nnunet_logger import MetaLogger
from nnunetv2.training.nnUNetTrainer.variants.data_augmentation.nnUNetTrainerFastDA import nnUNetTrainerFastDA
from nnunetv2.training.nnUNetTrainer.variants.data_augmentation.nnUNetTrainerGPUAugmentation import (
    nnUNetTrainerGPUAugmentation,
)
from nnunetv2.training.nnUNetTrainer.variants.domains.domain_losses import nnUNetTrainerAdaptiveRatios
from nnunetv2.training.nnUNetTrainer.variants.weight_averaging.nnUNetTrainerEMA import nnUNetTrainerEMA
from tests.conftest import NnunetFolders
from tests.training.nnUNetTrainer.tiny_runs import SEVERAL, SINGLE, STOCK_KEYS
from tests.training.tiny_dataset import CPU, TinyDataset, TinyTrainer, make_trainer, write_preprocessed

TIMES = ("epoch_start_timestamps", "epoch_end_timestamps")


class Seeded(TinyTrainer):
    """Four epochs of three steps; remembers the cases of its steps."""

    training_seed = 7
    save_every = 1

    def __init__(self, plans, configuration, fold, dataset_json, device=CPU):
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs = 4
        self.seen: list[str] = []

    def train_step(self, batch):
        self.seen += list(map(str, batch["keys"]))
        return super().train_step(batch)


class SeededAdaptive(Seeded, nnUNetTrainerAdaptiveRatios):
    """Changes the mixing ratios after each epoch from the third one on."""

    use_edge_heads = False


class SeededTwoBatches(SeededAdaptive):
    """Takes two batches in each training step."""

    def train_step(self, batch):
        super().train_step(batch)
        return super().train_step(next(self.dataloader_train))


class SeededFast(Seeded, nnUNetTrainerFastDA):
    """Augments in another way."""


class SeededOnDevice(Seeded, nnUNetTrainerGPUAugmentation):
    """Augments the batches when they are taken."""


class SeededAverage(Seeded, nnUNetTrainerEMA):
    """Averages the weights."""


class EndsEarly(Exception):
    """The training is interrupted."""


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MetaLogger, "plot_progress_png", lambda *_: None)


def trained(dataset: TinyDataset, trainer_class: Any = Seeded, go_on: bool = False) -> Any:
    trainer = make_trainer(dataset, trainer_class=trainer_class)
    if go_on:
        trainer.load_checkpoint(Path(trainer.output_folder) / "checkpoint_latest.pth")
    trainer.run_training()
    return trainer


def outcome(trainer: Any) -> dict[str, Any]:
    """Return the final checkpoint in plain values, without times."""
    content = torch.load(Path(trainer.output_folder) / "checkpoint_final.pth", weights_only=True)
    content["logging"] = {name: curve for name, curve in content["logging"].items() if name not in TIMES}
    content["network_weights"] = dict(content["network_weights"])
    heads = content.get("drift", {}).get("edge_heads")
    if heads:
        content["drift"]["edge_heads"] = dict(heads)
    return converted(content, lambda leaf: leaf.numpy().tobytes() if isinstance(leaf, torch.Tensor) else leaf)


def interrupted(dataset: TinyDataset, monkeypatch: pytest.MonkeyPatch, epoch: int, kind: Any = Seeded) -> list[str]:
    """Train until the second step of an epoch; return the cases of the finished epochs."""

    def stop(trainer: Any, batch: Any) -> Any:
        if trainer.current_epoch == epoch and len(trainer.seen) >= (epoch * 3 + 1) * dataset.batch_size:
            raise EndsEarly
        return kind.train_step(trainer, batch)

    trainer = make_trainer(dataset, trainer_class=type(kind.__name__, (kind,), {"train_step": stop}))
    with pytest.raises(EndsEarly):
        trainer.run_training()
    return trainer.seen[: epoch * 3 * dataset.batch_size]


@pytest.mark.parametrize("dataset", [SINGLE, SEVERAL], ids=["one domain", "several"])
@pytest.mark.parametrize("kind", [Seeded, pytest.param(SeededAdaptive, marks=pytest.mark.long)])
def test_an_interrupted_training_ends_as_one_that_was_not(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch, dataset: TinyDataset, kind: Any
) -> None:
    monkeypatch.setenv("nnUNet_n_proc_DA", "0")
    write_preprocessed(dataset, nnunet_folders.preprocessed)
    whole = trained(dataset, kind)
    expected, seen = outcome(whole), whole.seen

    first = interrupted(dataset, monkeypatch, 3, kind)
    again = trained(dataset, kind, go_on=True)

    assert first + again.seen == seen
    assert outcome(again) == expected


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        *((Seeded, part) for part in ("training", "validation")),
        pytest.param(Seeded, "end of epoch", marks=pytest.mark.long),
        *(
            pytest.param(kind, part, marks=pytest.mark.long)
            for kind in (SeededAdaptive, SeededAverage)
            for part in ("training", "validation")
        ),
    ],
)
def test_a_training_that_a_signal_stopped_within_an_epoch_goes_on_where_it_was(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch, kind: Any, part: str
) -> None:
    monkeypatch.setenv("nnUNet_n_proc_DA", "0")
    write_preprocessed(SEVERAL, nnunet_folders.preprocessed)
    whole = trained(SEVERAL, kind)
    expected, seen = outcome(whole), whole.seen

    first = stopped_by_signal(SEVERAL, kind, part)
    again = trained(SEVERAL, kind, go_on=True)

    assert first.seen + again.seen == seen
    assert outcome(again) == expected


def stopped_by_signal(dataset: TinyDataset, kind: Any, part: str) -> Any:
    """Train until a signal arrives in the third epoch; return the trainer."""
    hooks = {"training": "train_step", "validation": "validation_step", "end of epoch": "on_epoch_end"}
    trainer = make_trainer(dataset, trainer_class=kind)
    hook = getattr(trainer, hooks[part])

    def signal_and_do(*arguments: Any) -> Any:
        if trainer.current_epoch == 2 and (part != "training" or trainer._so_far.steps == 1):
            signal.raise_signal(signal.SIGUSR1)
            setattr(trainer, hooks[part], hook)
        return hook(*arguments)

    setattr(trainer, hooks[part], signal_and_do)
    handler = signal.getsignal(signal.SIGUSR1)
    with pytest.raises(Stopped, match="138"), signals_watched():
        trainer.run_training()
    assert signal.getsignal(signal.SIGUSR1) == handler
    steps = {"training": "2 training steps of epoch 2", "validation": "3 training steps of epoch 2"}
    assert f"stops after {steps.get(part, '0 training steps of epoch 3')};" in Path(trainer.log_file).read_text()
    return trainer


def test_stock_nnunet_finds_in_such_a_checkpoint_the_start_of_the_epoch(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("nnUNet_n_proc_DA", "0")
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    trainer = stopped_by_signal(SINGLE, Seeded, "training")
    content = torch.load(Path(trainer.output_folder) / "checkpoint_latest.pth", weights_only=True)

    assert list(content) == [*STOCK_KEYS, "drift"]
    assert content["current_epoch"] == 2
    assert {len(curve) for curve in content["logging"].values()} == {2}


def test_an_epoch_whose_outputs_cannot_be_stored_begins_anew(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OwnOutput(Seeded):
        def train_step(self, batch):
            return {**super().train_step(batch), "remark": object()}

        def on_train_epoch_end(self, train_outputs):
            super().on_train_epoch_end([{"loss": output["loss"]} for output in train_outputs])

    monkeypatch.setenv("nnUNet_n_proc_DA", "0")
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    trainer = stopped_by_signal(SINGLE, OwnOutput, "training")
    content = torch.load(Path(trainer.output_folder) / "checkpoint_latest.pth", weights_only=True)

    assert "its epoch begins anew" in Path(trainer.log_file).read_text()
    assert content["drift"] == {"version": 1, "seed": 7}
    assert {len(curve) for curve in content["logging"].values()} == {2}
    assert trained(SINGLE, OwnOutput, go_on=True).current_epoch == 4


def test_domain_losses_of_an_epoch_that_begins_anew_are_counted_once(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OwnOutput(SeededAdaptive):
        def train_step(self, batch):
            return {**super().train_step(batch), "remark": object()}

    monkeypatch.setenv("nnUNet_n_proc_DA", "0")
    write_preprocessed(SEVERAL, nnunet_folders.preprocessed)
    monkeypatch.setattr(
        OwnOutput,
        "on_train_epoch_end",
        lambda self, outputs: SeededAdaptive.on_train_epoch_end(self, [{"loss": one["loss"]} for one in outputs]),
    )
    trainer = stopped_by_signal(SEVERAL, OwnOutput, "training")
    assert trainer._losses_of_epoch, "the steps before the signal had some"
    again = make_trainer(SEVERAL, trainer_class=OwnOutput)
    again.load_checkpoint(Path(trainer.output_folder) / "checkpoint_latest.pth")
    assert again._losses_of_epoch == {}


def test_a_file_ends_the_training_after_the_epoch(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("nnUNet_n_proc_DA", "0")
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    trainer = make_trainer(SINGLE, trainer_class=Seeded)
    (Path(trainer.output_folder) / "stop").touch()
    trainer.run_training()

    assert trainer.current_epoch == 1
    assert "The file 'stop' ends the training after 1 of 4 epochs" in Path(trainer.log_file).read_text()
    assert {file.name for file in Path(trainer.output_folder).iterdir() if file.name[:5] in ("check", "stop")} == {
        "checkpoint_best.pth",
        "checkpoint_final.pth",
    }
    again = make_trainer(SINGLE, trainer_class=Seeded)
    again.load_checkpoint(Path(trainer.output_folder) / "checkpoint_final.pth")
    again.run_training()
    assert again.current_epoch == 4


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        (Seeded, (0, 4)),
        pytest.param(Seeded, (0, 1, 4), marks=pytest.mark.long),
        *(pytest.param(kind, (0, 4), marks=pytest.mark.long) for kind in (SeededAdaptive, SeededFast, SeededOnDevice)),
        pytest.param(SeededTwoBatches, (0, 2), marks=pytest.mark.slow),  # test_shared_ratios.py has the cheap ones
    ],
)
def test_the_number_of_processes_changes_nothing(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch, kind: Any, numbers: tuple[int, ...]
) -> None:
    monkeypatch.setattr("nnunetv2.configuration.usable_cpus", lambda: 4)
    write_preprocessed(SEVERAL, nnunet_folders.preprocessed)
    outcomes = []
    for processes in numbers:
        monkeypatch.setenv("nnUNet_n_proc_DA", str(processes))
        outcomes.append(outcome(trained(SEVERAL, kind)))

    assert all(outcome == outcomes[0] for outcome in outcomes)


def test_another_seed_is_another_training(nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("nnUNet_n_proc_DA", "0")
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    first = trained(SINGLE)
    monkeypatch.setenv("DRIFT_SEED", "8")
    second = trained(SINGLE)

    assert first.seen != second.seen
    name, weights = next(iter(plain_network(first.network).state_dict().items()))
    assert not torch.equal(weights, plain_network(second.network).state_dict()[name])


def test_a_training_leaves_the_generators_of_a_host_program_alone(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("nnUNet_n_proc_DA", "0")
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    np.random.seed(1)
    torch.manual_seed(1)
    state = np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    trained(SINGLE)

    assert (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == state
