"""Construction of trainers of every generation."""

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch

from nnunetv2.errors import SettingsError
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from tests.conftest import NnunetFolders
from tests.training.nnUNetTrainer.tiny_runs import SINGLE
from tests.training.tiny_dataset import CPU, TinyTrainer, make_trainer

pytestmark = pytest.mark.usefixtures("in_this_process")


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
