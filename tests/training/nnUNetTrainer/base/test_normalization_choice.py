"""Batch normalization on several domains, and the cases in which the plans' normalization stays."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from nnunetv2.boundary.edge_branch import plain_network
from nnunetv2.errors import SettingsError
from nnunetv2.foundation.safe_loading import safe_checkpoint
from nnunetv2.run.training_run import maybe_load_checkpoint
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.training.nnUNetTrainer.variants.domains.data_balance import (
    nnUNetTrainerNoDomains,
    nnUNetTrainerPlannedNorm,
)
from nnunetv2.training.nnUNetTrainer.variants.domains.joint_balancing import nnUNetTrainerJointBalancing
from tests.conftest import NnunetFolders
from tests.training.nnUNetTrainer.tiny_runs import SEVERAL, run
from tests.training.tiny_dataset import CPU, TinyDataset, make_trainer, write_preprocessed

pytestmark = pytest.mark.usefixtures("in_this_process")
SLIDES = replace(SEVERAL, batch_size=4)


class ShortTrainer(nnUNetTrainer):
    """The default trainer for two epochs of three steps."""

    def __init__(self, plans, configuration, fold, dataset_json, device=CPU):
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs = 2
        self.num_iterations_per_epoch = 3
        self.num_val_iterations_per_epoch = 2


class PlannedTrainer(ShortTrainer):
    batch_norm_on_domains = False


class SingleImageTrainer(ShortTrainer):
    def _set_batch_size_and_oversample(self) -> None:
        self.batch_size = 1


class OwnNetworkTrainer(ShortTrainer):
    @staticmethod
    def build_network_architecture(*arguments: Any, **keywords: Any) -> nn.Module:
        return nnUNetTrainer.build_network_architecture(*arguments, **keywords)


def kinds_of(trainer: Any) -> set[type]:
    """Return the types of the normalization layers of an initialised trainer's network."""
    wanted = (nn.InstanceNorm2d, nn.InstanceNorm3d, nn.BatchNorm2d, nn.BatchNorm3d)
    return {type(layer) for layer in plain_network(trainer.network).modules() if isinstance(layer, wanted)}


def kinds_planned(plans: dict[str, Any]) -> str:
    return plans["configurations"]["2d"]["architecture"]["arch_kwargs"]["norm_op"].rpartition(".")[2]


def initialised(dataset: TinyDataset, trainer_class: type[nnUNetTrainer] = ShortTrainer, fold: int = 0) -> Any:
    trainer = make_trainer(dataset, fold, trainer_class)
    trainer.initialize()
    return trainer


def test_on_several_domains_network_plans_and_checkpoint_have_batch_normalization(
    nnunet_folders: NnunetFolders,
) -> None:
    trainer = run(SLIDES, nnunet_folders, ShortTrainer)

    assert kinds_of(trainer) == {nn.BatchNorm2d}
    model = Path(trainer.output_folder_base)
    assert kinds_planned(json.loads((model / "plans.json").read_text())) == "BatchNorm2d"
    checkpoint = torch.load(model / "fold_0" / "checkpoint_final.pth", weights_only=True)
    assert kinds_planned(checkpoint["init_args"]["plans"]) == "BatchNorm2d"
    planned = json.loads((nnunet_folders.preprocessed / SLIDES.name / "nnUNetPlans.json").read_text())
    assert kinds_planned(planned) == "InstanceNorm2d"
    other_fold = initialised(SLIDES, fold=1)
    assert kinds_of(other_fold) == {nn.BatchNorm2d}


@pytest.mark.parametrize(
    ("dataset", "trainer_class"),
    [
        (replace(SLIDES, domains=()), ShortTrainer),
        (replace(SLIDES, domains=("north",)), ShortTrainer),
        (replace(SLIDES, batch_size=3), ShortTrainer),
        (replace(SLIDES, dims=3), ShortTrainer),
        (SLIDES, SingleImageTrainer),
        (SLIDES, OwnNetworkTrainer),
        (SLIDES, nnUNetTrainerNoDomains),
        (SLIDES, nnUNetTrainerPlannedNorm),
        (SLIDES, nnUNetTrainerJointBalancing),
    ],
    ids=[
        "no domains",
        "one domain",
        "small batches",
        "volumes",
        "own batches",
        "own network",
        "NoDomains",
        "PlannedNorm",
        "published",
    ],
)
def test_elsewhere_the_normalization_of_the_plans_stays(
    nnunet_folders: NnunetFolders, dataset: TinyDataset, trainer_class: type[nnUNetTrainer]
) -> None:
    write_preprocessed(dataset, nnunet_folders.preprocessed)
    trainer = initialised(dataset, trainer_class)
    assert kinds_of(trainer) == {nn.InstanceNorm2d if dataset.dims == 2 else nn.InstanceNorm3d}
    assert trainer.plans_manager.plans == {**dataset.plans()}


def test_layers_that_share_statistics_among_gpus_have_the_same_weights_and_predictions(
    nnunet_folders: NnunetFolders,
) -> None:
    network = run(SLIDES, nnunet_folders, ShortTrainer).network.eval()
    names, image = list(network.state_dict()), torch.randn(1, 3, 32, 32)
    expected = network(image)

    shared = nn.SyncBatchNorm.convert_sync_batchnorm(network)

    assert {type(layer) for layer in shared.modules()} & {nn.BatchNorm2d, nn.SyncBatchNorm} == {nn.SyncBatchNorm}
    assert list(shared.state_dict()) == names
    assert all(torch.equal(own, wanted) for own, wanted in zip(shared(image), expected, strict=True))


def test_a_model_with_a_fold_of_planned_normalization_keeps_it_in_all_folds(nnunet_folders: NnunetFolders) -> None:
    first = run(SLIDES, nnunet_folders, PlannedTrainer)
    model = Path(first.output_folder_base)
    model.rename(model.with_name("ShortTrainer__nnUNetPlans__2d"))

    second = initialised(SLIDES, fold=1)

    assert kinds_of(second) == {nn.InstanceNorm2d}
    assert "has the normalization of the plans, as the folds" in Path(second.log_file).read_text()


def test_resuming_keeps_the_normalization_of_the_checkpoint(nnunet_folders: NnunetFolders) -> None:
    first = run(SLIDES, nnunet_folders, PlannedTrainer)
    second = make_trainer(SLIDES, trainer_class=ShortTrainer)
    second.load_checkpoint(Path(first.output_folder) / "checkpoint_final.pth")
    assert kinds_of(second) == {nn.InstanceNorm2d}


def test_a_checkpoint_with_batch_normalization_is_gone_on_with_when_the_domains_are_gone(
    nnunet_folders: NnunetFolders,
) -> None:
    first = run(SLIDES, nnunet_folders, ShortTrainer)
    (nnunet_folders.preprocessed / SLIDES.name / "domains.json").unlink()

    second = make_trainer(SLIDES, trainer_class=ShortTrainer)
    maybe_load_checkpoint(second, True, False)

    assert kinds_of(second) == {nn.BatchNorm2d}
    assert second.current_epoch == 2
    expected, own = (plain_network(trainer.network).state_dict() for trainer in (first, second))
    assert all(torch.equal(own[name], expected[name]) for name in expected)


def test_a_fold_that_is_trained_anew_without_the_domains_has_the_normalization_of_the_other_folds(
    nnunet_folders: NnunetFolders,
) -> None:
    first = run(SLIDES, nnunet_folders, ShortTrainer)
    (nnunet_folders.preprocessed / SLIDES.name / "domains.json").unlink()

    other = initialised(SLIDES, fold=1)
    assert kinds_of(other) == {nn.BatchNorm2d}
    assert kinds_planned(other.plans_manager.plans) == "BatchNorm2d"
    assert "as the other folds in the folder" in Path(other.log_file).read_text()
    assert kinds_of(initialised(SLIDES, fold=first.fold)) == {nn.InstanceNorm2d}, "nothing else is in the folder"


def test_ranks_on_cpus_validate_batch_normalization_and_refuse_to_train_it(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(SLIDES, nnunet_folders, ShortTrainer)
    trainer = make_trainer(SLIDES, trainer_class=ShortTrainer)
    trainer.is_ddp = True
    monkeypatch.setattr("nnunetv2.training.nnUNetTrainer.nnUNetTrainer.DDP", lambda network, **_: network)
    maybe_load_checkpoint(trainer, False, True)

    assert nn.SyncBatchNorm in {type(layer) for layer in plain_network(trainer.network).modules()}
    trainer.network.eval()
    assert torch.isfinite(trainer.network(torch.randn(1, 3, 32, 32))[0]).all()
    with pytest.raises(SettingsError, match="which torch trains on several ranks only on GPUs"):
        trainer.on_train_start()


def test_pretrained_weights_of_another_normalization_than_that_of_other_folds_are_refused(
    nnunet_folders: NnunetFolders, tmp_path: Path
) -> None:
    planned = run(SLIDES, nnunet_folders, PlannedTrainer)
    weights = str(Path(planned.output_folder).rename(tmp_path / "pretrained") / "checkpoint_final.pth")
    first = make_trainer(SLIDES, trainer_class=ShortTrainer)
    first.run_training()

    with pytest.raises(SettingsError, match=r"the other folds in .* have; train this fold with -tr"):
        maybe_load_checkpoint(make_trainer(SLIDES, 1, ShortTrainer), False, False, weights)

    model = Path(first.output_folder_base)
    assert kinds_planned(json.loads((model / "plans.json").read_text())) == "BatchNorm2d"
    anew = make_trainer(SLIDES, trainer_class=ShortTrainer)
    maybe_load_checkpoint(anew, False, False, weights)
    assert kinds_of(anew) == {nn.InstanceNorm2d}


@pytest.mark.parametrize(
    ("source", "kind"), [(PlannedTrainer, nn.InstanceNorm2d), (ShortTrainer, nn.BatchNorm2d)], ids=["planned", "batch"]
)
def test_pretrained_weights_decide_on_the_normalization(
    nnunet_folders: NnunetFolders,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    source: type[nnUNetTrainer],
    kind: type,
) -> None:
    first = run(SLIDES, nnunet_folders, source)
    weights = Path(first.output_folder).rename(tmp_path / "pretrained") / "checkpoint_final.pth"
    second = make_trainer(SLIDES, trainer_class=ShortTrainer)
    read: list[Any] = []
    load = safe_checkpoint.load_checkpoint_file
    monkeypatch.setattr(
        safe_checkpoint, "load_checkpoint_file", lambda file, *options: read.append(file) or load(file, *options)
    )
    maybe_load_checkpoint(second, False, False, str(weights))
    assert kinds_of(second) == {kind}
    assert read == [str(weights)], "once"
