"""The Primus trainers without their networks, whose dependencies take long to import."""

import sys
from types import ModuleType
from typing import Any

import pytest
import torch

from nnunetv2.training.nnUNetTrainer.primus import primus_trainers
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
from tests.conftest import NnunetFolders
from tests.training.nnUNetTrainer.variants.tiny_plans import tiny_dataset_json, tiny_plans


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[Any, ...], dict[str, Any]]]:
    """Calls of stand-ins for the network classes."""
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
    module = ModuleType("dynamic_network_architectures.architectures.primus")
    for name in ("Primus", *(f"PrimusV{version}{size}" for version in (2, 3) for size in "SBML")):

        def build(*args: Any, name: str = name, **options: Any) -> torch.nn.Module:
            calls.append((name, args, options))
            return torch.nn.Conv3d(1, 3, 1)

        setattr(module, name, build)
    architectures = pytest.importorskip("dynamic_network_architectures.architectures")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(architectures, "primus", module, raising=False)
    return calls


def make(name: str, configuration: str = "3d_fullres") -> Any:
    trainer_class = recursive_find_trainer_class_by_name(name)
    return trainer_class(tiny_plans(), configuration, 0, tiny_dataset_json(), device=torch.device("cpu"))


def build(trainer: Any) -> torch.nn.Module:
    return trainer.build_network_architecture(trainer.plans_manager, trainer.configuration_manager, 1, 3, False)


@pytest.mark.parametrize(
    ("size", "numbers"), [("S", (396, 12, 6)), ("B", (792, 12, 12)), ("M", (864, 16, 12)), ("L", (1056, 24, 16))]
)
def test_the_first_generation_is_built_from_its_numbers(nnunet_folders: NnunetFolders, built, size, numbers) -> None:
    build(make(f"nnUNet_Primus_{size}_Trainer"))
    ((name, (channels, embedding, patch_embedding, outputs, depth, heads, patch), options),) = built
    assert (name, channels, outputs, patch_embedding, patch) == ("Primus", 1, 3, (8, 8, 8), [16, 16, 16])
    assert (embedding, depth, heads) == numbers
    assert options == {"drop_path_rate": 0.2, "scale_attn_inner": True, "init_values": 0.1}


@pytest.mark.parametrize("network", [f"PrimusV{version}{size}" for version in (2, 3) for size in "SBML"])
def test_later_generations_are_built_by_name(nnunet_folders: NnunetFolders, built, network) -> None:
    build(make(f"nnUNet_{network}_Trainer"))
    ((name, channels, options),) = built
    assert (name, channels, options["input_shape"]) == (network, (1, 3), [16, 16, 16])


def test_a_2d_configuration_is_refused(nnunet_folders: NnunetFolders, built) -> None:
    with pytest.raises(RuntimeError, match=r"multiples of 8, but the plans have \[16, 16\]"):
        build(make("nnUNet_Primus_M_Trainer", "2d"))


def test_it_trains_with_adam_after_a_warm_up_and_clips_gradients_to_one(nnunet_folders: NnunetFolders, built) -> None:
    trainer = make("nnUNet_Primus_M_Trainer")
    trainer.network = build(trainer)
    optimizer, schedule = trainer.configure_optimizers()
    group = optimizer.param_groups[0]
    assert (group["initial_lr"], group["weight_decay"], group["betas"]) == (3e-4, 5e-2, (0.9, 0.98))
    assert schedule.get_last_lr() == [pytest.approx(3e-4 / 50)]
    for parameter in trainer.network.parameters():
        parameter.grad = torch.full_like(parameter, 5.0)
    optimizer.step()
    norms = [parameter.grad.norm() for parameter in trainer.network.parameters()]
    assert torch.stack(norms).norm().item() == pytest.approx(1.0, rel=1e-4)


def test_it_has_one_output_and_no_edge_heads(nnunet_folders: NnunetFolders) -> None:
    trainer = make("nnUNet_Primus_S_Trainer")
    assert (trainer.enable_deep_supervision, trainer.use_edge_heads) == (False, False)
    trainer.set_deep_supervision_enabled(True)


@pytest.mark.parametrize(
    ("name", "batch_size", "patch_size", "initial_lr"),
    [
        ("nnUNet_Trainer_BS8", 8, [16] * 3, 1e-2),
        ("nnUNet_Primus_M_Trainer_BS8", 8, [16] * 3, 3e-4),
        ("nnUNet_Primus_M_Trainer_BS8_2e4", 8, [16] * 3, 2e-4),
        ("_Primus_S_96_BS1", 1, [96] * 3, 3e-4),
        ("_Primus_B_96_BS1", 1, [96] * 3, 3e-4),
        ("_Primus_M_96_BS1", 1, [96] * 3, 3e-4),
        ("_Primus_L_48_BS1", 1, [48] * 3, 3e-4),
    ],
)
def test_sizes_of_batches_and_patches(nnunet_folders: NnunetFolders, name, batch_size, patch_size, initial_lr) -> None:
    trainer = make(name)
    configuration = trainer.configuration_manager
    assert (configuration.batch_size, configuration.patch_size, trainer.initial_lr) == (
        batch_size,
        patch_size,
        initial_lr,
    )


def test_plans_of_the_caller_are_not_changed(nnunet_folders: NnunetFolders) -> None:
    plans = tiny_plans()
    trainer = primus_trainers._Primus_S_96_BS1(plans, "3d_fullres", 0, tiny_dataset_json(), device=torch.device("cpu"))
    assert plans == tiny_plans()
    assert trainer.plans_manager.plans["configurations"]["3d_fullres"]["patch_size"] == [96] * 3
