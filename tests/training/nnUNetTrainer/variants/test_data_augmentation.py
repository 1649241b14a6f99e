"""Training with augmentations that are faster than the default."""

from typing import Any

import pytest
import torch

from nnunetv2.training.nnUNetTrainer.variants.data_augmentation.nnUNetTrainerFastDA import nnUNetTrainerFastDA
from tests.conftest import NnunetFolders
from tests.training.nnUNetTrainer.tiny_runs import SEVERAL, STOCK_KEYS, run
from tests.training.tiny_dataset import TinyDataset, TinyTrainer

pytestmark = pytest.mark.usefixtures("in_this_process")

WITH_REGIONS = TinyDataset(
    labels={"background": 0, "whole": [1, 2], "core": [2], "ignore": 3}, regions_class_order=(1, 2)
)
VOLUMES = TinyDataset(dims=3)


class TinyFast(nnUNetTrainerFastDA, TinyTrainer):
    """A short training with the fast augmentation."""

    num_epochs = 2


@pytest.mark.parametrize("dataset", [SEVERAL, WITH_REGIONS, VOLUMES], ids=["several domains", "regions", "volumes"])
def test_the_fast_augmentation_trains(dataset: TinyDataset, nnunet_folders: NnunetFolders) -> None:
    trainer: Any = run(dataset, nnunet_folders, TinyFast)
    content = torch.load(f"{trainer.output_folder}/checkpoint_final.pth", weights_only=False)
    assert set(STOCK_KEYS) <= content.keys()
    assert all(torch.isfinite(torch.tensor(trainer.logger.get_value("train_losses", None))))
    assert trainer.inference_allowed_mirroring_axes == tuple(range(dataset.dims))
