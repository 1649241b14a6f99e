from pathlib import Path

import pytest
import torch

from nnunetv2.training.nnUNetTrainer.variants.lr_schedule.nnUNetTrainer_warmup import nnUNetTrainer_warmup
from tests.conftest import NnunetFolders
from tests.training.nnUNetTrainer.variants.tiny_plans import tiny_dataset_json, tiny_plans


@pytest.fixture
def trainer(nnunet_folders: NnunetFolders) -> nnUNetTrainer_warmup:
    trainer = nnUNetTrainer_warmup(tiny_plans(), "2d", 0, tiny_dataset_json(), device=torch.device("cpu"))
    trainer.network = torch.nn.Linear(2, 2)
    trainer.optimizer, trainer.lr_scheduler = trainer.configure_optimizers()
    return trainer


def start_epoch(trainer: nnUNetTrainer_warmup, epoch: int) -> float:
    trainer.current_epoch = epoch
    trainer.on_train_epoch_start()
    return trainer.optimizer.param_groups[0]["lr"]


def test_the_rate_rises_for_fifty_epochs_and_then_falls(trainer) -> None:
    expected = {0: 0.01 / 50, 49: 0.01, 50: 0.01, 525: 0.01 * 0.5**0.9}
    assert {epoch: start_epoch(trainer, epoch) for epoch in expected} == pytest.approx(expected)


def test_the_optimizer_is_kept_when_the_stage_changes(trainer) -> None:
    optimizer = trainer.optimizer
    start_epoch(trainer, 49)
    assert trainer.training_stage == "warmup_all"
    start_epoch(trainer, 50)
    assert trainer.training_stage == "train"
    assert trainer.optimizer is optimizer


def test_a_run_resumed_late_is_in_its_stage_at_once(trainer) -> None:
    assert start_epoch(trainer, 525) == pytest.approx(0.01 * 0.5**0.9)


def test_a_shorter_warm_up_can_be_set_on_the_object(trainer, tmp_path: Path) -> None:
    trainer.warmup_duration_whole_net = 10
    assert start_epoch(trainer, 10) == pytest.approx(0.01)
    assert start_epoch(trainer, 505) == pytest.approx(0.01 * 0.5**0.9)
