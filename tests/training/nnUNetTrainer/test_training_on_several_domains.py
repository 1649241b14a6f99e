"""Balanced and boundary-aware training."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nnunetv2.boundary.edge_branch import EdgeBranch
from nnunetv2.domains.dataset_domains import read_dataset_domains
from nnunetv2.domains.domain_summary import summarize_domains
from nnunetv2.errors import DomainMapError
from nnunetv2.training.dataloading.balanced_loader import BalancedDataLoader
from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader
from nnunetv2.training.dataloading.domain_round_robin import DomainRoundRobin
from nnunetv2.training.domain_balance.domain_scoring import DomainScoring
from nnunetv2.training.logging.nnunet_logger import nnUNetLogger
from nnunetv2.training.nnUNetTrainer import nnUNetTrainer as module
from tests.conftest import NnunetFolders
from tests.training.nnUNetTrainer.tiny_runs import EVERY_PART_OFF, SEVERAL, STOCK_KEYS, run
from tests.training.tiny_dataset import TinyDataset, TinyTrainer, make_trainer, write_preprocessed

pytestmark = pytest.mark.usefixtures("in_this_process")


def test_several_domains_are_balanced_and_boundary_aware(nnunet_folders: NnunetFolders) -> None:
    write_preprocessed(SEVERAL, nnunet_folders.preprocessed)
    trainer = make_trainer(SEVERAL)
    trainer.on_train_start()

    assert isinstance(trainer.edge_branch, EdgeBranch)
    assert isinstance(trainer.dataloader_train.data_loader, BalancedDataLoader)
    assert isinstance(trainer.dataloader_val.data_loader, DomainRoundRobin)
    assert trainer.loss.loss.dc.do_bg is True
    keys = [str(key) for _ in range(4) for key in next(trainer.dataloader_train)["keys"]]
    domains = [SEVERAL.domain_of(int(key.removeprefix("case_"))) for key in keys]
    assert domains.count("north") == domains.count("south") == 4


@pytest.mark.parametrize("dims", [2, 3])
def test_a_training_on_several_domains_reports_each_of_them(nnunet_folders: NnunetFolders, dims: int) -> None:
    dataset = TinyDataset(domains=("north", "south"), dims=dims)
    trainer = run(dataset, nnunet_folders)
    trainer.perform_actual_validation()

    fold = Path(trainer.output_folder)
    curves = json.loads((fold / "training_curves.json").read_text())
    assert list(curves["domains"]) == ["north", "south"]
    assert len(curves["edge_loss"]) == len(curves["edge_f1"]) == len(curves["balanced_dice"]) == 2
    assert all(0 <= value <= 1 for value in curves["edge_f1"])
    assert all(value is not None for value in curves["domains"]["north"]["dice"])
    summary = json.loads((fold / "validation" / "domain_summary.json").read_text())
    assert list(summary["domains"]) == ["north", "south"]
    assert "worst domain" in Path(trainer.log_file).read_text()
    assert (Path(trainer.output_folder_base) / "domains.json").is_file()


class MixedValidation(TinyTrainer):
    def get_dataloaders(self):
        train, val = super().get_dataloaders()
        loader = next(iter(val.data_loader.loaders.values()))
        loader.get_indices = lambda: np.array(SEVERAL.case_names[:2])
        return train, loader


def test_validation_batches_that_mix_domains_give_no_metrics_of_domains(nnunet_folders: NnunetFolders) -> None:
    trainer = run(SEVERAL, nnunet_folders, MixedValidation)

    assert all(math.isnan(value) for curve in trainer.domain_scoring.curves.dice.values() for value in curve)
    assert trainer._best_ema == max(trainer.logger.get_value("ema_fg_dice", None))


def test_a_held_out_domain_is_validated_though_it_is_not_trained_on(nnunet_folders: NnunetFolders) -> None:
    folder = write_preprocessed(SEVERAL, nnunet_folders.preprocessed)
    north, south = SEVERAL.case_names[::2], SEVERAL.case_names[1::2]
    (folder / "splits_final.json").write_text(json.dumps([{"train": north, "val": south}]))
    trainer = make_trainer(SEVERAL)
    trainer.run_training()
    trainer.perform_actual_validation()

    written = json.loads((Path(trainer.output_folder) / "training_curves.json").read_text())
    assert written["mixing_ratios"] == {"north": 1.0}
    assert "Domain south has no training case" in Path(trainer.log_file).read_text()
    curves = trainer.domain_scoring.curves
    assert curves.balanced_dice == curves.dice["south"]


def test_all_cases_may_be_trained_on(nnunet_folders: NnunetFolders) -> None:
    write_preprocessed(SEVERAL, nnunet_folders.preprocessed)
    trainer = make_trainer(SEVERAL, fold="all")
    trainer.run_training()

    assert not (nnunet_folders.preprocessed / "Dataset901_Tiny" / "splits_final.json").exists()


@pytest.mark.parametrize("switches", [{}, EVERY_PART_OFF], ids=["balanced", "stock"])
def test_domains_that_do_not_match_the_cases_are_refused_before_training(
    nnunet_folders: NnunetFolders, switches: dict[str, bool]
) -> None:
    folder = write_preprocessed(SEVERAL, nnunet_folders.preprocessed)
    names = SEVERAL.case_names
    (folder / "domains.json").write_text(json.dumps({"domains": {"a": names[:5], "b": [*names[5:9], "case_00"]}}))

    with pytest.raises(DomainMapError, match="case_009") as caught:
        make_trainer(SEVERAL, trainer_class=type("Variant", (TinyTrainer,), switches)).on_train_start()
    assert "case_00" in str(caught.value)


def test_a_split_that_leaks_a_group_is_refused(nnunet_folders: NnunetFolders) -> None:
    folder = write_preprocessed(SEVERAL, nnunet_folders.preprocessed)
    names = SEVERAL.case_names
    (folder / "groups.json").write_text(json.dumps({"groups": {names[0]: "patient_7", names[1]: "patient_7"}}))
    (folder / "splits_final.json").write_text(json.dumps([{"train": [names[0], *names[2:]], "val": [names[1]]}]))

    with pytest.raises(DomainMapError, match="patient_7"):
        make_trainer(SEVERAL).run_training()


@pytest.mark.parametrize(
    ("switch", "still_on"),
    [
        ({"balance_batches": False}, "heads"),
        ({"use_edge_heads": False}, "balance"),
        ({"select_by_balanced_dice": False}, "heads"),
    ],
)
def test_each_part_can_be_switched_off_alone(
    nnunet_folders: NnunetFolders, switch: dict[str, bool], still_on: str
) -> None:
    trainer = run(SEVERAL, nnunet_folders, type("Variant", (TinyTrainer,), switch))

    loader = trainer.dataloader_train.data_loader
    assert isinstance(loader, BalancedDataLoader) is ("balance_batches" not in switch)
    assert isinstance(trainer.edge_branch, EdgeBranch) is ("use_edge_heads" not in switch)
    assert trainer.loss.loss.dc.do_bg is ("use_edge_heads" not in switch)
    assert len(trainer.domain_scoring.curves.balanced_dice) == 2


def test_with_every_part_off_several_domains_are_trained_as_stock_and_still_summarized(
    nnunet_folders: NnunetFolders,
) -> None:
    trainer = run(SEVERAL, nnunet_folders, type("NoDomains", (TinyTrainer,), EVERY_PART_OFF))
    trainer.perform_actual_validation()

    fold = Path(trainer.output_folder)
    assert list(torch.load(fold / "checkpoint_final.pth", weights_only=True)) == STOCK_KEYS
    assert type(trainer.dataloader_train.data_loader) is nnUNetDataLoader
    assert (fold / "validation" / "domain_summary.json").is_file()


class NnunetsLogger:
    """Has the methods of nnU-Net's logger and nothing else."""

    def __init__(self, output_folder: str, resume: bool) -> None:
        lists = nnUNetLogger()
        self.log, self.get_value = lists.log, lists.get_value
        self.get_checkpoint, self.load_checkpoint = lists.get_checkpoint, lists.load_checkpoint

    def plot_progress_png(self, output_folder: str) -> None:
        (Path(output_folder) / "progress.png").touch()

    def update_config(self, config: dict[str, Any]) -> None:
        pass

    def log_summary(self, key: str, value: Any) -> None:
        pass


def test_a_logger_with_the_methods_of_nnunet_is_enough(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MetaLogger", NnunetsLogger)
    trainer = run(SEVERAL, nnunet_folders)
    trainer.perform_actual_validation()
    again = make_trainer(SEVERAL)
    again.load_checkpoint(Path(trainer.output_folder) / "checkpoint_final.pth")

    assert len(again.domain_scoring.curves.balanced_dice) == 2
    assert again.domain_scoring.curves == trainer.domain_scoring.curves


class CountsSplits(TinyTrainer):
    splits = 0

    def do_split(self):
        self.splits += 1
        return super().do_split()


class OwnLoaders(CountsSplits):
    def get_dataloaders(self):
        train, val = super().get_dataloaders()
        return val, train


class OwnDatasets(CountsSplits):
    def get_tr_and_val_datasets(self):
        return self._dataset(SEVERAL.case_names[:8]), self._dataset(SEVERAL.case_names[8:])


class OwnSplit(CountsSplits):
    def do_split(self):
        self.splits += 1
        return SEVERAL.case_names[:6], SEVERAL.case_names[6:8]


@pytest.mark.parametrize(
    ("trainer_class", "cases"), [(CountsSplits, 10), (OwnLoaders, 10), (OwnDatasets, 10), (OwnSplit, 8)]
)
def test_the_cases_are_split_once_before_a_training_and_these_are_measured(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch, trainer_class: type[CountsSplits], cases: int
) -> None:
    measured: list[list[str]] = []
    monkeypatch.setattr(DomainScoring, "measure", lambda _, dataset: measured.append(list(dataset.identifiers)))
    write_preprocessed(SEVERAL, nnunet_folders.preprocessed)
    trainer = make_trainer(SEVERAL, trainer_class=trainer_class)
    trainer.on_train_start()

    assert trainer.splits == 1
    assert measured == [SEVERAL.case_names[:cases]]
    assert Path(trainer.log_file).read_text().count("Desired fold") == (trainer_class is not OwnSplit)
    assert "do_split" not in vars(trainer)


class WithoutBalancedBatches(TinyTrainer):
    balance_batches = use_edge_heads = False


class UniformBatches(TinyTrainer):
    domain_ratio_mode = "uniform"


@pytest.mark.parametrize("trainer_class", [WithoutBalancedBatches, UniformBatches, TinyTrainer])
def test_curves_validation_and_evaluation_weight_the_domains_alike_whatever_batches_are_drawn_by(
    nnunet_folders: NnunetFolders, trainer_class: type[TinyTrainer]
) -> None:
    dataset = write_preprocessed(SEVERAL, nnunet_folders.preprocessed)
    ratios = {"north": 0.8, "south": 0.2}
    domains = json.loads((dataset / "domains.json").read_text())
    (dataset / "domains.json").write_text(json.dumps({**domains, "ratios": ratios}))
    trainer = make_trainer(SEVERAL, trainer_class=trainer_class)
    trainer.run_training()
    trainer.perform_actual_validation()

    fold = Path(trainer.output_folder)
    curves = json.loads((fold / "training_curves.json").read_text())
    last = {name: curve["dice"][-1] for name, curve in curves["domains"].items()}
    assert curves["balanced_dice"][-1] == pytest.approx(sum(ratios[name] * last[name] for name in ratios))
    summary = json.loads((fold / "validation" / "domain_summary.json").read_text())
    assert summary["ratios"] == ratios
    evaluated = summarize_domains(
        json.loads((fold / "validation" / "summary.json").read_text()), read_dataset_domains(dataset)
    )
    assert evaluated["balanced"] == pytest.approx(summary["balanced"])
    expected = sum(ratios[name] * summary["domains"][name]["foreground"]["Dice"]["mean"] for name in ratios)
    assert summary["balanced"]["Dice"] == pytest.approx(expected)
