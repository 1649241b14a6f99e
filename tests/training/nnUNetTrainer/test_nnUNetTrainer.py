"""The trainer's hooks, attributes and files, on synthetic datasets."""

import inspect
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nnunetv2.training.nnUNetTrainer.nnUNetTrainer as trainer_module
from nnunetv2.boundary.edge_branch import EdgeBranch, NoEdgeBranch, plain_network
from nnunetv2.errors import CheckpointError, CheckpointMismatchError, DatasetError, DomainMapError, SettingsError
from nnunetv2.training.dataloading.balanced_loader import BalancedDataLoader, DomainRoundRobin
from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader
from nnunetv2.training.logging.nnunet_logger import MetaLogger
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from tests.conftest import NnunetFolders
from tests.training.tiny_dataset import CPU, TinyDataset, TinyTrainer, make_trainer, write_preprocessed

SINGLE = TinyDataset()
SEVERAL = TinyDataset(domains=("north", "south"))
REGIONS = TinyDataset(
    labels={"background": 0, "whole": [1, 2], "inner": 2, "ignore": 3}, regions_class_order=(1, 2), cases=5
)
EVERY_PART_OFF = dict.fromkeys(
    ("balance_batches", "use_edge_heads", "select_by_balanced_dice", "stratify_splits"), False
)
DRAW = MetaLogger.plot_progress_png
STOCK_KEYS = [
    "network_weights",
    "optimizer_state",
    "grad_scaler_state",
    "logging",
    "_best_ema",
    "current_epoch",
    "init_args",
    "trainer_name",
    "inference_allowed_mirroring_axes",
]


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("nnUNet_n_proc_DA", "0")
    monkeypatch.setattr(MetaLogger, "plot_progress_png", lambda *_: None)  # takes longer than the epochs


def run(dataset: TinyDataset, folders: NnunetFolders, trainer_class: type[nnUNetTrainer] = TinyTrainer) -> Any:
    write_preprocessed(dataset, folders.preprocessed)
    trainer = make_trainer(dataset, trainer_class=trainer_class)
    trainer.run_training()
    return trainer


# construction


def test_the_constructor_makes_the_output_folder_and_nothing_else(nnunet_folders: NnunetFolders) -> None:
    trainer = make_trainer(SINGLE)

    output = nnunet_folders.results / "Dataset901_Tiny" / "TinyTrainer__nnUNetPlans__2d" / "fold_0"
    assert Path(trainer.output_folder) == output
    assert list(output.iterdir()) == []
    assert list(nnunet_folders.preprocessed.iterdir()) == []


def test_attributes_have_the_values_of_nnunet(nnunet_folders: NnunetFolders) -> None:
    trainer = nnUNetTrainer(SINGLE.plans(), "2d", 3, SINGLE.dataset_json(), CPU)

    expected = {
        "initial_lr": 1e-2,
        "weight_decay": 3e-5,
        "oversample_foreground_percent": 0.33,
        "probabilistic_oversampling": False,
        "num_iterations_per_epoch": 250,
        "num_val_iterations_per_epoch": 50,
        "num_epochs": 1000,
        "current_epoch": 0,
        "enable_deep_supervision": True,
        "save_every": 50,
        "disable_checkpointing": False,
        "was_initialized": False,
        "is_ddp": False,
        "local_rank": 0,
        "fold": 3,
        "is_cascaded": False,
        "folder_with_segs_from_previous_stage": None,
        "configuration_name": "2d",
        **dict.fromkeys(
            ["num_input_channels", "network", "optimizer", "lr_scheduler", "loss", "dataset_class", "grad_scaler"]
        ),
        **dict.fromkeys(["dataloader_train", "dataloader_val", "_best_ema", "inference_allowed_mirroring_axes"]),
    }
    assert {name: getattr(trainer, name) for name in expected} == expected


def test_the_callers_plans_are_not_changed_and_never_written_with_the_extra_key(nnunet_folders: NnunetFolders) -> None:
    plans = {**SINGLE.plans(), "continue_training": True}
    trainer = TinyTrainer(plans, "2d", 0, SINGLE.dataset_json())

    assert plans["continue_training"] is True
    assert "continue_training" not in trainer.plans_manager.plans
    assert trainer.my_init_kwargs["plans"] is trainer.plans_manager.plans
    assert trainer.logger.resume is True


def test_plans_without_the_extra_key_are_used_as_they_are(nnunet_folders: NnunetFolders) -> None:
    plans = SINGLE.plans()

    assert TinyTrainer(plans, "2d", 0, SINGLE.dataset_json()).plans_manager.plans is plans


class OldForm(nnUNetTrainer):
    def __init__(self, plans, configuration, fold, dataset_json, unpack_dataset=True, device=CPU):
        super().__init__(plans, configuration, fold, dataset_json, unpack_dataset, device)
        self.num_epochs = 7


class AnyArguments(nnUNetTrainer):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.num_epochs = 7


class ExtraArgument(nnUNetTrainer):
    def __init__(self, plans, configuration, fold, dataset_json, device=CPU, depth: int = 3):
        super().__init__(plans, configuration, fold, dataset_json, device=device)
        self.num_epochs, self.depth = 7, depth


class SettingsInTheBody(nnUNetTrainer):
    num_epochs = 7


@pytest.mark.parametrize("trainer_class", [OldForm, AnyArguments, ExtraArgument, SettingsInTheBody])
def test_constructors_of_every_generation_work(nnunet_folders: NnunetFolders, trainer_class: Any) -> None:
    trainer = trainer_class(
        plans=SINGLE.plans(), configuration="2d", fold=0, dataset_json=SINGLE.dataset_json(), device=CPU
    )

    assert trainer.device == CPU
    assert trainer.num_epochs == 7
    assert list(trainer.my_init_kwargs) == ["plans", "configuration", "fold", "dataset_json", "device"]


def test_a_bool_in_fifth_place_is_the_old_unpack_dataset(nnunet_folders: NnunetFolders) -> None:
    arguments = (SINGLE.plans(), "2d", 0, SINGLE.dataset_json())

    assert nnUNetTrainer(*arguments, False, CPU).device == CPU
    assert nnUNetTrainer(*arguments, device=CPU, unpack_dataset=False).device == CPU


def test_the_signature_begins_with_that_of_nnunet() -> None:
    parameters = list(inspect.signature(nnUNetTrainer.__init__).parameters.values())

    assert [p.name for p in parameters[:6]] == ["self", "plans", "configuration", "fold", "dataset_json", "device"]
    assert parameters[5].default == torch.device("cuda")


def test_unset_results_are_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="nnUNet_results is not defined"):
        make_trainer(SINGLE)


def test_without_a_preprocessed_folder_the_constructor_works(
    nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("nnUNet_preprocessed")
    trainer = make_trainer(SINGLE)

    assert trainer.preprocessed_dataset_folder is None
    assert trainer.preprocessed_dataset_folder_base is None


def test_the_output_folder_is_recreated_when_a_line_is_logged(nnunet_folders: NnunetFolders) -> None:
    trainer = make_trainer(SINGLE)
    Path(trainer.output_folder).rmdir()

    trainer.print_to_log_file("hello", add_timestamp=False)

    assert Path(trainer.log_file).read_text() == "hello \n"


# initialisation


def test_a_second_initialisation_is_refused(nnunet_folders: NnunetFolders) -> None:
    write_preprocessed(TinyDataset(cases=5), nnunet_folders.preprocessed)
    trainer = make_trainer(SINGLE)
    trainer.initialize()

    with pytest.raises(RuntimeError, match="second time"):
        trainer.initialize()


def test_a_replaced_scheduler_class_is_used(nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch) -> None:
    write_preprocessed(TinyDataset(cases=5), nnunet_folders.preprocessed)
    monkeypatch.setattr(trainer_module, "PolyLRScheduler", lambda *arguments: arguments[1:])
    trainer = make_trainer(SINGLE)
    trainer.num_epochs, trainer.initial_lr = 5, 0.5
    trainer.initialize()

    assert trainer.lr_scheduler == (0.5, 5)


class OldNetworkForm(TinyTrainer):
    @staticmethod
    def build_network_architecture(
        arch_class_name, arch_init_kwargs, arch_init_kwargs_req_import, num_input_channels, num_output_channels, ds=True
    ):
        return nnUNetTrainer.build_network_architecture(
            arch_class_name,
            arch_init_kwargs,
            arch_init_kwargs_req_import,
            num_input_channels,
            num_output_channels,
            enable_deep_supervision=ds,
        )


class OldestNetworkForm(TinyTrainer):
    @staticmethod
    def build_network_architecture(
        plans_manager, dataset_json, configuration_manager, num_input_channels, enable_deep_supervision=True
    ):
        return nnUNetTrainer.build_network_architecture(
            plans_manager, dataset_json, configuration_manager, num_input_channels, enable_deep_supervision
        )


@pytest.mark.parametrize("trainer_class", [OldNetworkForm, OldestNetworkForm])
def test_network_builders_of_older_generations_are_called_with_their_own_arguments(
    nnunet_folders: NnunetFolders, trainer_class: type[nnUNetTrainer]
) -> None:
    write_preprocessed(TinyDataset(cases=5), nnunet_folders.preprocessed)
    trainer = make_trainer(SINGLE, trainer_class=trainer_class)

    with pytest.warns(DeprecationWarning, match="signature of an earlier nnU-Net"):
        trainer.initialize()
    assert len(trainer.network(torch.zeros(1, 3, 32, 32))) == 2


@pytest.mark.parametrize("enabled", [True, False])
def test_scales_are_those_of_the_strides_without_the_lowest(nnunet_folders: NnunetFolders, enabled: bool) -> None:
    trainer = make_trainer(SINGLE)
    trainer.enable_deep_supervision = enabled

    assert trainer._get_deep_supervision_scales() == ([[1.0, 1.0], [0.5, 0.5]] if enabled else None)


def test_compiling_is_for_cuda_only(nnunet_folders: NnunetFolders, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer(SINGLE)
    assert trainer._do_i_compile() is False
    trainer.device = torch.device("cuda:0")
    assert trainer._do_i_compile() is True
    for value, expected in {"f": False, "TRUE": True, "0": False, "1": True, "yes": False}.items():
        monkeypatch.setenv("nnUNet_compile", value)
        assert trainer._do_i_compile() is expected


# one domain


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


def test_a_checkpoint_of_one_domain_has_exactly_the_keys_of_nnunet(nnunet_folders: NnunetFolders) -> None:
    trainer = run(SINGLE, nnunet_folders)

    content = torch.load(Path(trainer.output_folder) / "checkpoint_final.pth", weights_only=True)

    assert list(content) == STOCK_KEYS
    assert content["current_epoch"] == 2
    assert content["trainer_name"] == "TinyTrainer"
    assert content["inference_allowed_mirroring_axes"] == (0, 1)
    assert list(content["init_args"]) == ["plans", "configuration", "fold", "dataset_json", "device"]
    assert len(content["logging"]) == 8
    assert list(content["network_weights"]) == list(trainer.network.state_dict())


def test_one_domain_is_trained_without_any_of_our_parts(nnunet_folders: NnunetFolders) -> None:
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    trainer = make_trainer(SINGLE)
    trainer.on_train_start()

    assert isinstance(trainer.edge_branch, NoEdgeBranch)
    assert type(trainer.network) is type(plain_network(trainer.network))
    assert type(trainer.dataloader_train.data_loader) is nnUNetDataLoader
    assert type(trainer.dataloader_val.data_loader) is nnUNetDataLoader
    assert trainer.loss.loss.dc.do_bg is False


def test_a_run_resumes_where_it_stopped(nnunet_folders: NnunetFolders) -> None:
    first = run(SINGLE, nnunet_folders)
    second = make_trainer(SINGLE)
    second.load_checkpoint(Path(first.output_folder) / "checkpoint_final.pth")
    second.num_epochs = 3
    second.run_training()

    assert second.current_epoch == 3
    assert [len(values) for values in second.logger.get_checkpoint().values()] == [3] * 8
    assert second.logger.get_value("train_losses", None)[:2] == first.logger.get_value("train_losses", None)


def test_load_and_save_are_a_round_trip_bit_by_bit(nnunet_folders: NnunetFolders) -> None:
    first = run(SINGLE, nnunet_folders)
    path = Path(first.output_folder) / "checkpoint_best.pth"
    before = torch.load(path, weights_only=True)
    second = make_trainer(SINGLE)
    second.load_checkpoint(filename_or_checkpoint=before)
    second.current_epoch -= 1
    second.save_checkpoint(path)

    after = torch.load(path, weights_only=True)
    assert {key: after[key] for key in STOCK_KEYS[3:]} == {key: before[key] for key in STOCK_KEYS[3:]}
    assert all(torch.equal(value, before["network_weights"][key]) for key, value in after["network_weights"].items())
    for index, state in before["optimizer_state"]["state"].items():
        assert torch.equal(state["momentum_buffer"], after["optimizer_state"]["state"][index]["momentum_buffer"])


def test_a_checkpoint_is_accepted_under_both_parameter_names(nnunet_folders: NnunetFolders) -> None:
    first = run(SINGLE, nnunet_folders)
    path = f"{first.output_folder}/checkpoint_final.pth"
    second = make_trainer(SINGLE)

    second.load_checkpoint(checkpoint=path)

    assert second.current_epoch == 2


def test_a_checkpoint_of_another_network_is_a_one_line_error_and_changes_nothing(nnunet_folders: NnunetFolders) -> None:
    first = run(SINGLE, nnunet_folders)
    plans = SINGLE.plans()
    plans["configurations"]["2d"]["architecture"]["arch_kwargs"]["features_per_stage"] = [4, 4, 4]
    other = TinyTrainer(plans, "2d", 0, SINGLE.dataset_json())

    with pytest.raises(CheckpointMismatchError, match="does not match this network") as caught:
        other.load_checkpoint(f"{first.output_folder}/checkpoint_final.pth")
    assert "\n" not in str(caught.value)
    assert other.current_epoch == 0


def test_a_changed_dataset_is_reported_when_a_run_is_resumed(nnunet_folders: NnunetFolders) -> None:
    first = run(SINGLE, nnunet_folders)
    dataset_json = {**SINGLE.dataset_json(), "numTraining": 99}
    second = TinyTrainer(SINGLE.plans(), "2d", 0, dataset_json)
    second.load_checkpoint(f"{first.output_folder}/checkpoint_final.pth")

    assert "dataset_json changed in numTraining" in Path(second.log_file).read_text()


def test_disabled_checkpointing_writes_none(nnunet_folders: NnunetFolders) -> None:
    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    trainer = make_trainer(SINGLE)
    trainer.disable_checkpointing = True
    trainer.run_training()
    trainer.perform_actual_validation()

    assert list(Path(trainer.output_folder).glob("*.pth")) == []
    assert "No checkpoint written" in Path(trainer.log_file).read_text()


def test_the_latest_checkpoint_is_removed_once_the_final_one_is_written(nnunet_folders: NnunetFolders) -> None:
    seen: list[bool] = []

    class Watching(TinyTrainer):
        def on_train_end(self) -> None:
            seen.append((Path(self.output_folder) / "checkpoint_latest.pth").is_file())
            super().on_train_end()

    write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    trainer = make_trainer(SINGLE, trainer_class=Watching)
    trainer.save_every = 1
    trainer.run_training()

    assert seen == [True]
    assert not (Path(trainer.output_folder) / "checkpoint_latest.pth").exists()


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


class MixedValidation(TinyTrainer):
    def get_dataloaders(self):
        train, val = super().get_dataloaders()
        loader = next(iter(val.data_loader.loaders.values()))
        loader.get_indices = lambda: np.array(SEVERAL.case_names[:2])
        return train, loader


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


def test_validation_batches_that_mix_domains_give_no_metrics_of_domains(nnunet_folders: NnunetFolders) -> None:
    trainer = run(SEVERAL, nnunet_folders, MixedValidation)

    assert all(math.isnan(value) for curve in trainer.domains.curves.dice.values() for value in curve)
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
    assert trainer.domains.curves.edge_loss == []


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


# regions, ignore label, 3D


@pytest.mark.parametrize("dataset", [REGIONS, TinyDataset(dims=3, cases=5)], ids=["regions and ignore", "3d"])
def test_regions_ignore_label_and_volumes_train_and_validate(
    nnunet_folders: NnunetFolders, dataset: TinyDataset
) -> None:
    trainer = run(dataset, nnunet_folders)
    trainer.perform_actual_validation()

    assert len(trainer.logger.get_value("dice_per_class_or_region", -1)) == 2
    summary = json.loads((Path(trainer.output_folder) / "validation" / "summary.json").read_text())
    assert list(summary["mean"]) == (["(1, 2)", "2"] if dataset is REGIONS else ["1", "2"])


# several domains


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
    assert len(curves["edge_loss"]) == len(curves["balanced_dice"]) == 2
    assert all(value is not None for value in curves["domains"]["north"]["dice"])
    summary = json.loads((fold / "validation" / "domain_summary.json").read_text())
    assert list(summary["domains"]) == ["north", "south"]
    assert "worst domain" in Path(trainer.log_file).read_text()
    assert (Path(trainer.output_folder_base) / "domains.json").is_file()


def test_a_checkpoint_of_several_domains_is_a_stock_one_with_one_extra_key(nnunet_folders: NnunetFolders) -> None:
    trainer = run(SEVERAL, nnunet_folders)
    content = torch.load(Path(trainer.output_folder) / "checkpoint_final.pth", weights_only=True)
    plain = plain_network(trainer.network)

    assert list(content) == [*STOCK_KEYS, "drift"]
    assert list(content["network_weights"]) == list(plain.state_dict())
    (group,) = content["optimizer_state"]["param_groups"]
    assert group["params"] == list(range(len(list(plain.parameters()))))
    assert set(content["drift"]) == {"version", "edge_heads", "edge_optimizer", "domains", "ratios", "domain_curves"}
    assert content["_best_ema"] == trainer.domains.curves.ema_balanced_dice[-1] or content["_best_ema"] == max(
        trainer.domains.curves.ema_balanced_dice
    )


def test_heads_and_their_momentum_are_restored_from_a_checkpoint(nnunet_folders: NnunetFolders) -> None:
    first = run(SEVERAL, nnunet_folders)
    second = make_trainer(SEVERAL)
    second.load_checkpoint(Path(first.output_folder) / "checkpoint_final.pth")

    for name, value in first.edge_branch.state_dict().items():
        assert torch.equal(value, second.edge_branch.state_dict()[name])
    assert second.edge_loss_weights == second.loss.weight_factors
    states = [trainer.optimizer.state_dict()["state"] for trainer in (first, second)]
    assert list(states[0]) == list(states[1])
    for index, state in states[0].items():
        assert torch.equal(state["momentum_buffer"], states[1][index]["momentum_buffer"])
    assert second.domains.curves == first.domains.curves
    second.num_epochs = 3
    second.run_training()
    assert len(second.domains.curves.balanced_dice) == 3


@pytest.mark.parametrize("part", ["network_weights", "edge_heads", "optimizer_state"])
def test_a_checkpoint_that_does_not_fit_changes_nothing(nnunet_folders: NnunetFolders, part: str) -> None:
    first = run(SEVERAL, nnunet_folders)
    content = torch.load(Path(first.output_folder) / "checkpoint_final.pth", weights_only=True)
    broken = content["drift"] if part == "edge_heads" else content
    broken[part] = {"param_groups": []} if part == "optimizer_state" else dict(list(broken[part].items())[1:])
    second = make_trainer(SEVERAL)
    second.initialize()
    before = {name: value.clone() for name, value in second.network.state_dict().items()}

    with pytest.raises(CheckpointError):
        second.load_checkpoint(content)

    assert all(torch.equal(value, before[name]) for name, value in second.network.state_dict().items())
    assert second.current_epoch == 0


def test_a_checkpoint_of_one_domain_starts_a_balanced_training(nnunet_folders: NnunetFolders) -> None:
    first = run(SINGLE, nnunet_folders)
    (nnunet_folders.preprocessed / "Dataset901_Tiny" / "domains.json").write_text(
        json.dumps({"domains": {"a": SINGLE.case_names[:5], "b": SINGLE.case_names[5:]}})
    )
    second = make_trainer(SINGLE)
    second.load_checkpoint(Path(first.output_folder) / "checkpoint_final.pth")
    second.num_epochs = 3
    second.run_training()

    assert "written without domains" in Path(second.log_file).read_text()
    assert len(second.domains.curves.dice["a"]) == 3


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
    curves = trainer.domains.curves
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


def test_a_split_with_missing_cases_is_refused_before_training(nnunet_folders: NnunetFolders) -> None:
    folder = write_preprocessed(SINGLE, nnunet_folders.preprocessed)
    (folder / "splits_final.json").write_text(json.dumps([{"train": ["case_001", "gone"], "val": ["case_002"]}]))

    with pytest.raises(DatasetError, match="gone"):
        make_trainer(SINGLE).run_training()


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
    assert len(trainer.domains.curves.balanced_dice) == 2


def test_with_every_part_off_several_domains_are_trained_as_stock_and_still_summarized(
    nnunet_folders: NnunetFolders,
) -> None:
    trainer = run(SEVERAL, nnunet_folders, type("NoDomains", (TinyTrainer,), EVERY_PART_OFF))
    trainer.perform_actual_validation()

    fold = Path(trainer.output_folder)
    assert list(torch.load(fold / "checkpoint_final.pth", weights_only=True)) == STOCK_KEYS
    assert type(trainer.dataloader_train.data_loader) is nnUNetDataLoader
    assert (fold / "validation" / "domain_summary.json").is_file()
