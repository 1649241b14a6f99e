"""Trainings that look at the loss of each domain, on two domains and on one."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from nnunetv2.errors import CheckpointError, SettingsError
from nnunetv2.training.dataloading.balanced_loader import BalancedDataLoader
from nnunetv2.training.nnUNetTrainer.variants.domains.data_balance import (
    nnUNetTrainerBalancedBatches,
    nnUNetTrainerWorstDomainSelection,
)
from nnunetv2.training.nnUNetTrainer.variants.domains.domain_losses import (
    nnUNetTrainerAdaptiveRatios,
    nnUNetTrainerDomainMeanLoss,
    nnUNetTrainerGroupDRO,
)
from tests.conftest import NnunetFolders
from tests.training.nnUNetTrainer.tiny_runs import SEVERAL, SINGLE, run
from tests.training.tiny_dataset import TinyTrainer, make_trainer, write_preprocessed

pytestmark = pytest.mark.usefixtures("in_this_process")


class TinyMean(nnUNetTrainerDomainMeanLoss, TinyTrainer):
    """A short training."""


class TinyGroupDRO(nnUNetTrainerGroupDRO, TinyTrainer):
    """A short training with long steps of its weights."""

    dro_step_size = 0.5


class TinyAdaptive(nnUNetTrainerAdaptiveRatios, TinyTrainer):
    """A short training of three epochs, the first two of which make the reference."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self.num_epochs = 3


class TinyBalanced(nnUNetTrainerBalancedBatches, TinyTrainer):
    """A short training."""


class TinyWorst(nnUNetTrainerWorstDomainSelection, TinyTrainer):
    """A short training."""


def started(folders: NnunetFolders, trainer_class: type[TinyTrainer], dataset=SEVERAL) -> Any:
    write_preprocessed(dataset, folders.preprocessed)
    trainer = make_trainer(dataset, trainer_class=trainer_class)
    trainer.on_train_start()
    return trainer


def both_losses(trainer: Any) -> tuple[Any, Any, Any, list[torch.Tensor]]:
    """Return output, target and batch of a first step, and the loss of each of its samples (one per domain)."""
    batch = next(trainer.dataloader_train)
    output = trainer.network(batch["data"])
    losses = [
        trainer.loss([scale[row : row + 1] for scale in output], [scale[row : row + 1] for scale in batch["target"]])
        for row in range(2)
    ]
    return output, batch["target"], batch, losses


def test_the_mean_over_domains_is_trained_on(nnunet_folders: NnunetFolders) -> None:
    trainer = started(nnunet_folders, TinyMean)
    assert isinstance(trainer.dataloader_train.data_loader, BalancedDataLoader)
    output, target, batch, losses = both_losses(trainer)
    torch.testing.assert_close(trainer._training_loss(output, target, batch), sum(losses) / 2)


def test_group_dro_weights_the_worse_domain_more(nnunet_folders: NnunetFolders) -> None:
    trainer = started(nnunet_folders, TinyGroupDRO)
    output, target, batch, losses = both_losses(trainer)
    found = trainer._training_loss(output, target, batch)
    names = [SEVERAL.domain_of(int(str(key)[-3:])) for key in batch["keys"]]
    grown = [torch.exp(0.5 * loss.detach()) for loss in losses]
    shares = [value / sum(grown) for value in grown]
    torch.testing.assert_close(found, shares[0] * losses[0] + shares[1] * losses[1])
    assert trainer.domain_weights == pytest.approx(dict(zip(names, map(float, shares), strict=True)))


def test_group_dro_resumes_with_its_weights(nnunet_folders: NnunetFolders) -> None:
    trainer = run(SEVERAL, nnunet_folders, TinyGroupDRO)
    resumed = make_trainer(SEVERAL, trainer_class=TinyGroupDRO)
    resumed.load_checkpoint(f"{trainer.output_folder}/checkpoint_final.pth")
    resumed.on_train_start()
    assert resumed.domain_weights == trainer.domain_weights
    assert set(trainer.domain_weights.values()) != {0.5}
    resumed.domain_weights = {"east": 1.0}
    with pytest.raises(CheckpointError, match="expected those of north, south"):
        resumed.get_dataloaders()


def test_adaptive_ratios_reach_the_loader_and_survive_a_resumption(nnunet_folders: NnunetFolders) -> None:
    trainer = run(SEVERAL, nnunet_folders, TinyAdaptive)
    ratios = trainer.adaptive_ratios.ratios
    assert trainer.domain_sampling.train_ratios == ratios != {"north": 0.5, "south": 0.5}
    assert dict(trainer.dataloader_train.data_loader._ratios) == ratios
    curves = json.loads((Path(trainer.output_folder) / "training_curves.json").read_text())
    assert curves["mixing_ratios"] == pytest.approx(ratios)
    resumed = make_trainer(SEVERAL, trainer_class=TinyAdaptive)
    resumed.load_checkpoint(f"{trainer.output_folder}/checkpoint_final.pth")
    resumed.on_train_start()
    assert resumed.domain_sampling.train_ratios == ratios


@pytest.mark.parametrize("trainer_class", [TinyMean, TinyGroupDRO, TinyAdaptive])
def test_on_one_domain_the_loss_is_that_of_nnunet(
    nnunet_folders: NnunetFolders, trainer_class: type[TinyTrainer]
) -> None:
    trainer = started(nnunet_folders, trainer_class, SINGLE)
    batch = next(trainer.dataloader_train)
    output = trainer.network(batch["data"])
    found = trainer._training_loss(output, batch["target"], batch)
    torch.testing.assert_close(found, trainer.loss(output, batch["target"]))
    trainer.on_train_epoch_end([{"loss": found.detach().numpy()}])


def test_several_gpus_are_refused_where_batches_would_differ(nnunet_folders: NnunetFolders) -> None:
    write_preprocessed(SEVERAL, nnunet_folders.preprocessed)
    trainer = make_trainer(SEVERAL, trainer_class=TinyMean)
    trainer.is_ddp = True
    with pytest.raises(SettingsError, match="one GPU"):
        trainer.initialize()


def test_the_worst_domain_can_choose_the_checkpoint(nnunet_folders: NnunetFolders) -> None:
    trainer = run(SEVERAL, nnunet_folders, TinyWorst)
    assert trainer._best_ema == max(trainer.domain_scoring.curves.ema_worst_domain_dice)
    assert not isinstance(trainer.dataloader_train.data_loader, BalancedDataLoader)


def test_one_step_without_a_finite_loss_does_not_take_the_epoch_from_a_domain(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = started(nnunet_folders, TinyAdaptive)
    steps = iter([{"a": torch.tensor(0.5)}, {"a": torch.tensor(float("nan"))}, {"a": torch.tensor(1.5)}])
    monkeypatch.setattr(trainer, "_losses", lambda *_: next(steps))
    monkeypatch.setattr(trainer, "loss", lambda *_: torch.tensor(0.0))
    for _ in range(3):
        trainer._training_loss(None, None, {"keys": []})
    assert trainer._losses_of_epoch == {"a": [0.5, 1.5]}
