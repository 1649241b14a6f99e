"""Training with augmentations that are faster than the default."""

from typing import Any

import pytest
import torch

from nnunetv2.training.dataloading.loader_factory import end_loader
from nnunetv2.training.nnUNetTrainer.variants.data_augmentation.nnUNetTrainerFastDA import nnUNetTrainerFastDA
from nnunetv2.training.nnUNetTrainer.variants.data_augmentation.nnUNetTrainerGPUAugmentation import (
    nnUNetTrainerGPUAugmentation,
)
from tests.conftest import NnunetFolders
from tests.training.nnUNetTrainer.tiny_runs import SEVERAL, SINGLE, STOCK_KEYS, run
from tests.training.tiny_dataset import TinyDataset, TinyTrainer, make_trainer, write_preprocessed

pytestmark = pytest.mark.usefixtures("in_this_process")

WITH_REGIONS = TinyDataset(
    labels={"background": 0, "whole": [1, 2], "core": [2], "ignore": 3}, regions_class_order=(1, 2)
)
VOLUMES = TinyDataset(dims=3)


class TinyFast(nnUNetTrainerFastDA, TinyTrainer):
    """A short training with the fast augmentation."""

    training_seed = 4


class TinyOnDevice(nnUNetTrainerGPUAugmentation, TinyTrainer):
    """A short training with the augmentation on the training device."""

    training_seed = 4


@pytest.mark.parametrize("dataset", [SEVERAL, WITH_REGIONS, VOLUMES], ids=["several domains", "regions", "volumes"])
@pytest.mark.parametrize("trainer_class", [TinyFast, TinyOnDevice])
def test_these_augmentations_train(
    dataset: TinyDataset, trainer_class: type[TinyTrainer], nnunet_folders: NnunetFolders
) -> None:
    trainer: Any = run(dataset, nnunet_folders, trainer_class)
    content = torch.load(f"{trainer.output_folder}/checkpoint_final.pth", weights_only=False)
    assert set(STOCK_KEYS) <= content.keys()
    assert all(torch.isfinite(torch.tensor(trainer.logger.get_value("train_losses", None))))
    assert trainer.inference_allowed_mirroring_axes == tuple(range(dataset.dims))


def test_with_a_seed_both_train_on_the_same_batches(nnunet_folders: NnunetFolders) -> None:
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    losses = []
    for trainer_class in (TinyFast, TinyOnDevice):
        trainer = make_trainer(SINGLE, trainer_class=trainer_class)
        trainer.run_training()
        losses.append(trainer.logger.get_value("train_losses", None))
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)


def test_loader_processes_only_cut_and_the_training_augments(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("nnUNet_n_proc_DA", "2")
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    trainer = make_trainer(SINGLE, trainer_class=TinyOnDevice)
    trainer.on_train_start()
    try:
        sent = next(trainer.dataloader_train._batches)
        assert {"deferred", "data", "target", "keys"} <= sent.keys()
        assert sent["target"].shape == (2, 1, 32, 32)
        batch = next(trainer.dataloader_train)
        assert list(batch) == ["data", "target", "keys"]
        assert [scale.shape[2] for scale in batch["target"]] == [32, 16]
    finally:
        end_loader(trainer.dataloader_train)
        end_loader(trainer.dataloader_val)
