"""The trainer's hooks and files, mostly on one domain."""

import inspect
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nnunetv2.boundary.edge_branch import NoEdgeBranch, plain_network
from nnunetv2.errors import DatasetError
from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader
from nnunetv2.training.logging.nnunet_logger import MetaLogger
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from tests.conftest import NnunetFolders
from tests.training.nnUNetTrainer.tiny_runs import SEVERAL, SINGLE, run
from tests.training.tiny_dataset import CPU, TinyDataset, TinyTrainer, make_trainer, write_preprocessed

pytestmark = pytest.mark.usefixtures("in_this_process")
REGIONS = TinyDataset(
    labels={"background": 0, "whole": [1, 2], "inner": 2, "ignore": 3}, regions_class_order=(1, 2), cases=5
)
DRAW = MetaLogger.plot_progress_png


def test_a_training_writes_the_files_of_nnunet(nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MetaLogger, "plot_progress_png", DRAW)
    trainer = run(SINGLE, nnunet_folders)
    trainer.perform_actual_validation(save_probabilities=True)

    model, fold = Path(trainer.output_folder_base), Path(trainer.output_folder)
    assert {file.name for file in model.iterdir()} == {
        "plans.json",
        "dataset.json",
        "dataset_fingerprint.json",
        "fold_0",
    }
    assert json.loads((model / "plans.json").read_text()) == SINGLE.plans()
    log = [file.name for file in fold.glob("training_log_*.txt")]
    assert {file.name for file in fold.iterdir()} == {
        *log,
        "checkpoint_best.pth",
        "checkpoint_final.pth",
        "debug.json",
        "network_architecture.svg",
        "progress.png",
        "training_curves.json",
        "validation",
    }
    assert {file.name for file in (fold / "validation").iterdir()} == {
        "summary.json",
        *(f"case_{number}{ending}" for number in ("000", "007") for ending in (".png", ".npz", ".pkl")),
    }


def test_the_log_has_the_lines_that_log_readers_look_for(nnunet_folders: NnunetFolders) -> None:
    trainer = run(SINGLE, nnunet_folders)
    trainer.perform_actual_validation()

    log = Path(trainer.log_file).read_text()
    for token in (
        "Epoch 1 ",
        "Current learning rate: 0.01 ",
        "train_loss ",
        "val_loss ",
        "Pseudo dice [",
        "Epoch time: ",
        "Mean Validation Dice:  ",
        "Validation complete ",
        "Training done. ",
        "predicting case_000 ",
        "New best EMA pseudo Dice: ",
    ):
        assert token in log, token


def test_one_domain_is_trained_without_any_of_our_parts(nnunet_folders: NnunetFolders) -> None:
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    trainer = make_trainer(SINGLE)
    trainer.on_train_start()

    assert isinstance(trainer.edge_branch, NoEdgeBranch)
    assert type(trainer.network) is type(plain_network(trainer.network))
    assert type(trainer.dataloader_train.data_loader) is nnUNetDataLoader
    assert type(trainer.dataloader_val.data_loader) is nnUNetDataLoader
    assert trainer.loss.loss.dc.do_bg is False


def test_hooks_are_called_in_the_order_of_nnunet(nnunet_folders: NnunetFolders) -> None:
    calls: list[str] = []
    names = (
        *("on_train_start", "initialize", "_set_batch_size_and_oversample", "build_network_architecture"),
        *("configure_optimizers", "_build_loss", "get_dataloaders", "get_tr_and_val_datasets", "do_split"),
        *("configure_rotation_dummyDA_mirroring_and_inital_patch_size", "get_training_transforms"),
        *("get_validation_transforms", "set_deep_supervision_enabled", "print_plans", "plot_network_architecture"),
        *("on_epoch_start", "on_train_epoch_start", "train_step", "on_train_epoch_end", "on_validation_epoch_start"),
        *("validation_step", "on_validation_epoch_end", "on_epoch_end", "save_checkpoint", "on_train_end"),
    )
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    trainer = make_trainer(SINGLE)
    trainer.num_epochs, trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch = 1, 1, 1
    for name in names:
        spy(trainer, name, calls)
    trainer.run_training()

    assert calls == [
        *("on_train_start", "initialize", "_set_batch_size_and_oversample", "build_network_architecture"),
        *("configure_optimizers", "_build_loss", "get_dataloaders"),
        *("configure_rotation_dummyDA_mirroring_and_inital_patch_size", "get_training_transforms"),
        *("get_validation_transforms", "get_tr_and_val_datasets", "do_split", "set_deep_supervision_enabled"),
        *("print_plans", "plot_network_architecture", "on_epoch_start", "on_train_epoch_start", "train_step"),
        *("on_train_epoch_end", "on_validation_epoch_start", "validation_step", "on_validation_epoch_end"),
        *("on_epoch_end", "save_checkpoint", "on_train_end", "save_checkpoint"),
    ]


def spy(trainer: nnUNetTrainer, name: str, calls: list[str]) -> None:
    original = getattr(trainer, name)

    def watched(*args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        return original(*args, **kwargs)

    watched.__signature__ = inspect.signature(original)  # type: ignore[attr-defined]
    setattr(trainer, name, watched)


def test_a_network_without_decoder_works_with_its_own_switch(nnunet_folders: NnunetFolders) -> None:
    class Foreign(TinyTrainer):
        @staticmethod
        def build_network_architecture(plans_manager, configuration_manager, num_in, num_out, deep_supervision=True):
            return torch.nn.Conv2d(num_in, num_out, 1)

        def set_deep_supervision_enabled(self, enabled: bool) -> None:
            pass

        def __init__(self, plans, configuration, fold, dataset_json, device=CPU):
            super().__init__(plans, configuration, fold, dataset_json, device)
            self.enable_deep_supervision = False

    trainer = run(SINGLE, nnunet_folders, Foreign)
    trainer.perform_actual_validation()

    assert (Path(trainer.output_folder) / "validation" / "summary.json").is_file()


def test_loaders_may_be_none_if_a_trainer_needs_none(nnunet_folders: NnunetFolders) -> None:
    class WithoutLoaders(TinyTrainer):
        def get_dataloaders(self):
            return None, None

    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    trainer = make_trainer(SINGLE, trainer_class=WithoutLoaders)
    trainer.on_train_start()
    trainer.on_train_end()

    assert (Path(trainer.output_folder) / "checkpoint_final.pth").is_file()


class BatchesWithoutKeys(TinyTrainer):
    def get_dataloaders(self):
        return tuple(
            ({name: batch[name] for name in ("data", "target")} for batch in loader)
            for loader in super().get_dataloaders()
        )


@pytest.mark.parametrize("dataset", [SINGLE, SEVERAL], ids=["one domain", "several"])
def test_batches_of_own_loaders_may_lack_the_names_of_the_cases(
    nnunet_folders: NnunetFolders, dataset: TinyDataset
) -> None:
    trainer = run(dataset, nnunet_folders, BatchesWithoutKeys)

    assert trainer._best_ema == max(trainer.logger.get_value("ema_fg_dice", None))


class OwnStep(TinyTrainer):
    def train_step(self, batch):
        self.optimizer.zero_grad()
        loss = self.loss(self.network(batch["data"]), batch["target"])
        loss.backward()
        self.optimizer.step()
        return {"loss": loss.detach().numpy()}


@pytest.mark.parametrize("dataset", [SINGLE, SEVERAL], ids=["one domain", "several"])
def test_a_train_step_without_the_boundary_loss_works_and_is_warned_about(
    nnunet_folders: NnunetFolders, dataset: TinyDataset
) -> None:
    trainer = run(dataset, nnunet_folders, OwnStep)

    warnings = Path(trainer.log_file).read_text().count("WARNING: the boundary loss is not part of this training")
    assert warnings == (2 if dataset is SEVERAL else 0)
    assert trainer.domain_scoring.curves.edge_loss == []


def test_an_epoch_without_a_class_to_score_does_not_spoil_the_best_checkpoint(nnunet_folders: NnunetFolders) -> None:
    class FirstEpochEmpty(TinyTrainer):
        def validation_step(self, batch):
            output = super().validation_step(batch)
            if self.current_epoch == 0:
                for key in ("tp_hard", "fp_hard", "fn_hard"):
                    output[key] = np.zeros_like(output[key])
            return output

    trainer = run(SINGLE, nnunet_folders, FirstEpochEmpty)

    assert math.isnan(trainer.logger.get_value("mean_fg_dice", 0))
    assert trainer._best_ema == pytest.approx(trainer.logger.get_value("mean_fg_dice", 1))


def test_stale_predictions_of_another_split_are_not_scored(nnunet_folders: NnunetFolders) -> None:
    trainer = run(SINGLE, nnunet_folders)
    stale = Path(trainer.output_folder) / "validation" / "case_001.png"
    stale.parent.mkdir()
    stale.write_bytes(b"")
    trainer.perform_actual_validation()

    summary = json.loads((stale.parent / "summary.json").read_text())
    assert [Path(entry["prediction_file"]).name for entry in summary["metric_per_case"]] == [
        "case_000.png",
        "case_007.png",
    ]


def test_deep_supervision_is_restored_after_the_validation(nnunet_folders: NnunetFolders) -> None:
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    trainer = make_trainer(SINGLE)
    trainer.enable_deep_supervision = False
    trainer.run_training()
    trainer.perform_actual_validation()

    assert trainer.network.decoder.deep_supervision is False


@pytest.mark.parametrize("dataset", [REGIONS, TinyDataset(dims=3, cases=5)], ids=["regions and ignore", "3d"])
def test_regions_ignore_label_and_volumes_train_and_validate(
    nnunet_folders: NnunetFolders, dataset: TinyDataset
) -> None:
    trainer = run(dataset, nnunet_folders)
    trainer.perform_actual_validation()

    assert len(trainer.logger.get_value("dice_per_class_or_region", -1)) == 2
    summary = json.loads((Path(trainer.output_folder) / "validation" / "summary.json").read_text())
    assert list(summary["mean"]) == (["(1, 2)", "2"] if dataset is REGIONS else ["1", "2"])


def test_a_split_with_missing_cases_is_refused_before_training(nnunet_folders: NnunetFolders) -> None:
    folder = write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    (folder / "splits_final.json").write_text(json.dumps([{"train": ["case_001", "gone"], "val": ["case_002"]}]))

    with pytest.raises(DatasetError, match="gone"):
        make_trainer(SINGLE).run_training()
