"""What is built once: network, scheduler, scales."""

from pathlib import Path

import pytest
import torch

import nnunetv2.training.nnUNetTrainer.nnUNetTrainer as trainer_module
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from tests.conftest import NnunetFolders
from tests.training.nnUNetTrainer.tiny_runs import SINGLE
from tests.training.tiny_dataset import TinyDataset, TinyTrainer, make_trainer, write_preprocessed

pytestmark = pytest.mark.usefixtures("in_this_process")


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


def test_the_network_is_drawn_without_a_word_and_only_as_planned(nnunet_folders: NnunetFolders) -> None:
    write_preprocessed(TinyDataset(cases=5), nnunet_folders.preprocessed)
    trainer = make_trainer(SINGLE)
    trainer.initialize()
    log = Path(trainer.log_file)
    before = log.read_text() if log.exists() else ""
    trainer.plot_network_architecture()

    picture = Path(trainer.output_folder) / "network_architecture.svg"
    assert "features, " in picture.read_text()
    assert (log.read_text() if log.exists() else "") == before

    picture.unlink()
    trainer.network = torch.nn.Sequential()
    trainer.plot_network_architecture()
    assert not picture.exists()
