import json
from pathlib import Path

import pytest
import torch

from nnunetv2.errors import (
    CheckpointError,
    CheckpointMismatchError,
    MissingFileError,
    SettingsError,
    UnknownNetworkError,
)
from nnunetv2.inference import predict_from_raw_data
from nnunetv2.inference.model_folder import available_folds, read_model_folder, usual_folds
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.networks.builder_forms import build_network
from nnunetv2.networks.compiled_networks import compile_if_asked
from nnunetv2.utilities.plans_handling.model_description import ModelDescription
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from tests.factories.models import CPU, Trainer, write_model_folder
from tests.factories.plans import make_dataset_json, make_plans

PLANS = make_plans([8, 8], [1.0, 1.0], ".png", 3)
DATASET_JSON = make_dataset_json(".png", 3)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A 2D model with folds 0, 1 and all."""
    monkeypatch.setattr(predict_from_raw_data, "recursive_find_trainer_class_by_name", lambda name: Trainer)
    return write_model_folder(tmp_path / "model", PLANS, DATASET_JSON, (0, 1, "all"), mirroring_axes=(0, 1))


def load(model: Path, folds: object, **settings: object) -> nnUNetPredictor:
    predictor = nnUNetPredictor(device=CPU)
    predictor.initialize_from_trained_model_folder(model, folds, **settings)
    return predictor


@pytest.mark.parametrize(
    ("folds", "count"),
    [(None, 2), (0, 1), ("0", 1), ("01", 1), ("all", 1), ((0, 1), 2), (["0", "1"], 2), (("all",), 1)],
)
def test_folds_are_accepted_in_every_form(model: Path, folds: object, count: int) -> None:
    assert len(load(str(model), folds).list_of_parameters) == count


def test_everything_is_read_from_the_folder(model: Path) -> None:
    predictor = load(model, (1,))
    assert predictor.trainer_name == "nnUNetTrainer"
    assert predictor.allowed_mirroring_axes == (0, 1)
    assert predictor.dataset_json == DATASET_JSON
    assert predictor.configuration_manager.patch_size == [8, 8]
    assert predictor.label_manager.num_segmentation_heads == 3
    assert not predictor.network.decoder.deep_supervision
    expected = torch.load(model / "fold_1" / "checkpoint_final.pth", weights_only=True)["network_weights"]
    for key, value in predictor.network.state_dict().items():
        assert torch.equal(value, expected[key])


def test_fold_all_is_never_found_by_itself(model: Path) -> None:
    assert available_folds(model, "checkpoint_final.pth") == [0, 1]
    assert nnUNetPredictor.auto_detect_available_folds(model, "checkpoint_best.pth") == []


def test_fold_all_predicts_where_no_numbered_fold_has_the_checkpoint(model: Path) -> None:
    assert usual_folds(model, "checkpoint_final.pth") == (0, 1)
    assert usual_folds(model, "checkpoint_best.pth") == ("all",)


def test_a_fold_folder_without_a_number_is_a_value_error(model: Path) -> None:
    (model / "fold_1").rename(model / "fold_x")
    with pytest.raises(ValueError, match="fold_x"):
        available_folds(model, "checkpoint_final.pth")


@pytest.mark.parametrize(
    ("folds", "name", "message"),
    [
        ((0, 3, 4), "checkpoint_final.pth", r"fold_3.*fold_4.*Found: fold_0/checkpoint_final\.pth"),
        ((0,), "checkpoint_best.pth", r"fold_0/checkpoint_best\.pth not found"),
        (None, "checkpoint_best.pth", r"no fold has a checkpoint_best\.pth"),
        ((), "checkpoint_final.pth", "no fold was given"),
    ],
)
def test_missing_folds_are_listed_with_those_found(model: Path, folds: object, name: str, message: str) -> None:
    with pytest.raises(MissingFileError, match=message):
        read_model_folder(model, folds, name)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="model folder not found"):
        read_model_folder(tmp_path / "absent", None, "checkpoint_final.pth")


@pytest.mark.parametrize("file", ["plans.json", "dataset.json"])
def test_a_model_without_its_json_files_is_refused(model: Path, file: str) -> None:
    (model / file).unlink()
    with pytest.raises(MissingFileError, match=file):
        read_model_folder(model, None, "checkpoint_final.pth")


def test_a_checkpoint_of_another_network_is_reported_in_one_line(model: Path) -> None:
    other = write_model_folder(model.parent / "other", make_plans([8, 8, 8], [1.0] * 3, ".png", 3), DATASET_JSON)
    (other / "fold_0" / "checkpoint_final.pth").replace(model / "fold_1" / "checkpoint_final.pth")
    with pytest.raises(
        CheckpointMismatchError, match=r"fold_1/checkpoint_final\.pth does not match this network.*\(8, 3, 3, 3\)"
    ) as e:
        load(model, (0, 1))
    assert len(str(e.value).splitlines()) == 1


def test_a_checkpoint_without_weights_is_refused(model: Path) -> None:
    torch.save({"trainer_name": "nnUNetTrainer"}, model / "fold_0" / "checkpoint_final.pth")
    with pytest.raises(CheckpointError, match="network_weights"):
        load(model, 0)


def test_a_checkpoint_without_mirroring_axes_means_no_mirroring(model: Path) -> None:
    file = model / "fold_0" / "checkpoint_final.pth"
    checkpoint = torch.load(file, weights_only=True)
    del checkpoint["inference_allowed_mirroring_axes"]
    torch.save(checkpoint, file)
    assert load(model, 0).allowed_mirroring_axes is None


def test_another_trainer_class_may_be_given(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        predict_from_raw_data, "recursive_find_trainer_class_by_name", lambda name: asked.append(name) or Trainer
    )
    assert load(model, 0, trainer_class=Trainer).trainer_name == "nnUNetTrainer"
    assert asked == []
    load(model, 0, trainer_class="OtherTrainer")
    assert asked == ["OtherTrainer"]


@pytest.mark.parametrize("finder", ["recursive_find_python_class", "recursive_find_trainer_class_by_name"])
def test_either_finder_can_be_replaced(model: Path, monkeypatch: pytest.MonkeyPatch, finder: str) -> None:
    from nnunetv2.utilities import find_objects

    original = find_objects.recursive_find_trainer_class_by_name
    monkeypatch.setattr(predict_from_raw_data, "recursive_find_trainer_class_by_name", original)
    calls: list[tuple] = []
    monkeypatch.setattr(predict_from_raw_data, finder, lambda *arguments: calls.append(arguments) or Trainer)
    load(model, 0)
    ((*_, last),) = [calls[0]]
    assert len(calls) == 1
    assert len(calls[0]) == (3 if finder == "recursive_find_python_class" else 1)
    assert last in ("nnunetv2.training.nnUNetTrainer", "nnUNetTrainer")


class FormOfReleases23To26:
    """Takes class name, arguments and names to import."""

    @staticmethod
    def build_network_architecture(
        architecture_class_name, arch_init_kwargs, arch_init_kwargs_req_import, num_input_channels,
        num_output_channels, enable_deep_supervision=True,
    ):  # fmt: skip
        return (architecture_class_name, num_input_channels, num_output_channels, enable_deep_supervision)


class FormOfReleases21And22:
    """Takes dataset_json too."""

    @staticmethod
    def build_network_architecture(
        plans_manager, dataset_json, configuration_manager, num_input_channels, enable_deep_supervision=True
    ):
        return (dataset_json, configuration_manager, num_input_channels, enable_deep_supervision)


class FormThatPassesOn:
    """Passes all arguments to the base."""

    @staticmethod
    def build_network_architecture(*args, **kwargs):
        return args, kwargs


def build(trainer: object) -> object:
    manager = PlansManager(PLANS)
    model = ModelDescription.of(manager, manager.get_configuration("2d"), DATASET_JSON)
    return build_network(trainer, model, 7, False)


def test_network_builders_of_all_releases_are_called_with_their_own_arguments() -> None:
    with pytest.warns(DeprecationWarning, match="FormOfReleases23To26"):
        name, *rest = build(FormOfReleases23To26)
    assert name.endswith("PlainConvUNet")
    assert rest == [7, 3, False]
    with pytest.warns(DeprecationWarning, match="FormOfReleases21And22"):
        dataset_json, configuration, *rest = build(FormOfReleases21And22())
    assert dataset_json is DATASET_JSON
    assert configuration.patch_size == [8, 8]
    assert rest == [7, False]
    arguments, keywords = build(FormThatPassesOn)
    assert arguments[2:] == (7, 3)
    assert keywords == {"enable_deep_supervision": False}


class Compiled(torch.nn.Module):
    """A stand-in for what torch.compile returns, whose import alone takes seconds."""

    def __init__(self, network: torch.nn.Module):
        super().__init__()
        self._orig_mod = network


@pytest.mark.parametrize(("value", "compiled"), [("f", False), ("", False), ("true", True), ("T", True), ("1", True)])
def test_networks_are_compiled_only_on_request(monkeypatch: pytest.MonkeyPatch, value: str, compiled: bool) -> None:
    monkeypatch.setenv("nnUNet_compile", value)
    monkeypatch.setattr(torch, "compile", Compiled)
    network = torch.nn.Linear(1, 1)
    result = compile_if_asked(network)
    assert (result is not network) == compiled
    assert compile_if_asked(result) is result


@pytest.mark.parametrize("name", ["os", "Path", "torch", "NoSuchTrainer"])
def test_a_checkpoint_that_names_no_trainer_is_refused_with_its_path(
    model: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from nnunetv2.utilities import find_objects

    original = find_objects.recursive_find_trainer_class_by_name
    monkeypatch.setattr(predict_from_raw_data, "recursive_find_trainer_class_by_name", original)
    file = model / "fold_0" / "checkpoint_final.pth"
    torch.save({**torch.load(file, weights_only=True), "trainer_name": name}, file)
    with pytest.raises(SettingsError, match=f"{file}: trainer_name is '{name}'"):
        load(model, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"trainer_name": 7},
        {"trainer_name": "\ud800"},
        {"trainer_name": "nnUNet\nTrainer"},
        {"init_args": None},
        {"init_args": {"configuration": ["2d"]}},
        {"init_args": {"configuration": "\x1b[2J"}},
    ],
)
def test_entries_of_a_checkpoint_that_are_no_names_are_refused(model: Path, changes: dict) -> None:
    file = model / "fold_0" / "checkpoint_final.pth"
    torch.save({**torch.load(file, weights_only=True), **changes}, file)
    with pytest.raises(CheckpointError, match=f"^{file}: "):
        load(model, 0)


def test_plans_of_a_model_that_name_foreign_code_are_refused_with_their_path(model: Path) -> None:
    plans = json.loads((model / "plans.json").read_text())
    architecture = plans["configurations"]["2d"]["architecture"]
    architecture["arch_kwargs"]["nonlin"] = "os.system"
    (model / "plans.json").write_text(json.dumps(plans))
    with pytest.raises(UnknownNetworkError, match=f"^{model / 'plans.json'}: nonlin is 'os.system'"):
        load(model, 0, trainer_class="nnUNetTrainer")
