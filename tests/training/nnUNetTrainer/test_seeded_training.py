"""With a seed a training is the same whoever makes its batches, and wherever it was interrupted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nnunetv2.boundary.edge_branch import plain_network
from nnunetv2.foundation.plain_values import converted
from nnunetv2.training.logging.nnunet_logger import MetaLogger
from nnunetv2.training.nnUNetTrainer.variants.domains.domain_losses import nnUNetTrainerAdaptiveRatios
from tests.conftest import NnunetFolders
from tests.training.nnUNetTrainer.tiny_runs import SEVERAL, SINGLE
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
@pytest.mark.parametrize("kind", [Seeded, SeededAdaptive])
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


@pytest.mark.parametrize("kind", [Seeded, SeededAdaptive])
def test_the_number_of_processes_changes_nothing(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    monkeypatch.setattr("nnunetv2.configuration.usable_cpus", lambda: 4)
    write_preprocessed(SEVERAL, nnunet_folders.preprocessed)
    outcomes = []
    for processes in (0, 1, 4):
        monkeypatch.setenv("nnUNet_n_proc_DA", str(processes))
        outcomes.append(outcome(trained(SEVERAL, kind)))

    assert outcomes[1] == outcomes[0]
    assert outcomes[2] == outcomes[0]


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
