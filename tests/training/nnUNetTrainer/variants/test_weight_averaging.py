"""Training with averaged weights."""

import pytest
import torch

from nnunetv2.boundary.edge_branch import plain_network
from nnunetv2.training.nnUNetTrainer.variants.weight_averaging.nnUNetTrainerEMA import nnUNetTrainerEMA
from nnunetv2.training.nnUNetTrainer.variants.weight_averaging.nnUNetTrainerUniformAverage import (
    nnUNetTrainerUniformAverage,
)
from tests.conftest import NnunetFolders
from tests.training.nnUNetTrainer.tiny_runs import SEVERAL, SINGLE, STOCK_KEYS
from tests.training.tiny_dataset import TinyDataset, TinyTrainer, make_trainer, write_preprocessed

pytestmark = pytest.mark.usefixtures("in_this_process")


class TinyAveraged(nnUNetTrainerEMA, TinyTrainer):
    """A short training with averaged weights."""


class TinyUniform(nnUNetTrainerUniformAverage, TinyTrainer):
    """A short training, the last epoch of which is averaged."""

    def initialize(self) -> None:
        super().initialize()
        self.seen: list[list[torch.Tensor]] = []

    def train_step(self, batch):
        result = super().train_step(batch)
        self.seen.append([weight.detach().clone() for weight in plain_network(self.network).parameters()])
        return result


def start(
    dataset: TinyDataset, folders: NnunetFolders, trainer_class: type[nnUNetTrainerEMA] = TinyAveraged
) -> nnUNetTrainerEMA:
    write_preprocessed(dataset, folders.preprocessed)
    return make_trainer(dataset, trainer_class=trainer_class)


@pytest.mark.parametrize("dataset", [SINGLE, SEVERAL], ids=["one domain", "several"])
def test_checkpoints_hold_the_average_as_weights_of_the_plain_network(
    nnunet_folders: NnunetFolders, dataset: TinyDataset
) -> None:
    trainer = start(dataset, nnunet_folders)
    trainer.run_training()
    content = torch.load(f"{trainer.output_folder}/checkpoint_final.pth", weights_only=False)
    assert list(content) == [*STOCK_KEYS, "drift"]
    own = content["drift"]["averaged_weights"]["other"]
    assert own.keys() == dict(content["network_weights"]).keys() & own.keys()
    assert any(not torch.equal(value, content["network_weights"][name]) for name, value in own.items())


@pytest.mark.parametrize("trainer_class", [TinyAveraged, TinyUniform])
def test_a_resumed_training_goes_on_with_its_own_weights_and_average(
    nnunet_folders: NnunetFolders, trainer_class: type[nnUNetTrainerEMA]
) -> None:
    trainer = start(SEVERAL, nnunet_folders, trainer_class)
    trainer.run_training()
    resumed = make_trainer(SEVERAL, trainer_class=trainer_class)
    resumed.load_checkpoint(f"{trainer.output_folder}/checkpoint_final.pth")
    for weights in (trainer.averaged_weights, resumed.averaged_weights):
        assert weights.in_network
    before, after = (t.averaged_weights.state_dict(t.network.network) for t in (trainer, resumed))
    assert before["updates"] == after["updates"] > 0
    for name, value in before["other"].items():
        torch.testing.assert_close(after["other"][name], value, rtol=0, atol=0)


def test_the_result_of_a_uniform_average_is_the_mean_over_the_steps_of_the_second_half(
    nnunet_folders: NnunetFolders,
) -> None:
    trainer = start(SINGLE, nnunet_folders, TinyUniform)
    trainer.run_training()
    found = list(plain_network(trainer.network).parameters())
    for weight, *steps in zip(found, *trainer.seen[3:], strict=True):
        torch.testing.assert_close(weight, torch.stack(steps).mean(dim=0))
