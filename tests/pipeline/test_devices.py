"""Training, prediction and resampling on each kind of device; `make test-gpu` runs the CUDA rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.preprocessing.resampling.resample_torch import resample_torch_simple
from nnunetv2.training.logging.nnunet_logger import MetaLogger
from tests.conftest import NnunetFolders
from tests.factories.models import write_model_folder
from tests.factories.plans import make_dataset_json, make_plans
from tests.training.tiny_dataset import TinyDataset, TinyTrainer, write_preprocessed

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
COMPILED = [("cpu", "f"), *[pytest.param("cuda", value, marks=pytest.mark.gpu) for value in "ft"]]


def train(dataset: TinyDataset, folders: NnunetFolders, device: str) -> Any:
    """Train two epochs of three steps; return the trainer."""
    write_preprocessed(dataset, folders.preprocessed)
    trainer = TinyTrainer(
        dataset.plans(), dataset.configuration, 0, dataset.dataset_json(), device=torch.device(device)
    )
    trainer.run_training()
    return trainer


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("nnUNet_n_proc_DA", "0")
    monkeypatch.setattr(MetaLogger, "plot_progress_png", lambda *_: None)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("domains", [(), ("north", "south")])
@pytest.mark.parametrize(("device", "compiled"), COMPILED)
def test_checkpoints_of_any_device_are_plain_and_load_on_the_cpu(
    nnunet_folders: NnunetFolders,
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    compiled: str,
    domains: tuple[str, ...],
    dims: int,
) -> None:
    monkeypatch.setenv("nnUNet_compile", compiled)
    dataset = TinyDataset(dims=dims, domains=domains)
    trainer = train(dataset, nnunet_folders, device)
    losses = trainer.logger.get_value("train_losses", None)
    assert len(losses) == 2
    assert np.isfinite(losses).all()

    checkpoint = torch.load(Path(trainer.output_folder) / "checkpoint_final.pth", map_location="cpu", weights_only=True)
    plain = make_network(dataset)
    plain.load_state_dict(checkpoint["network_weights"], strict=True)
    assert all(torch.isfinite(value).all() for value in checkpoint["network_weights"].values())
    assert (checkpoint["grad_scaler_state"] is not None) == (device == "cuda")


def make_network(dataset: TinyDataset) -> torch.nn.Module:
    trainer = TinyTrainer(dataset.plans(), dataset.configuration, 0, dataset.dataset_json())
    return trainer.build_network_architecture(trainer.plans_manager, trainer.configuration_manager, 3, 3, True)


@pytest.mark.parametrize("on_device", [True, False])
@pytest.mark.parametrize("device", DEVICES)
def test_any_device_predicts_what_the_cpu_predicts(tmp_path: Path, device: str, on_device: bool) -> None:
    plans = make_plans([32, 24], [1.0, 1.0], ".png", 3)
    model = write_model_folder(tmp_path / "model", plans, make_dataset_json(".png", 3), (0,), (0, 1))
    image = np.random.default_rng(0).normal(120, 40, (3, 1, 70, 50)).astype(np.float32)

    probabilities = [
        predict(model, image, torch.device(name), stays) for name, stays in (("cpu", False), (device, on_device))
    ]

    np.testing.assert_allclose(probabilities[1], probabilities[0], rtol=0, atol=1e-6 if device == "cpu" else 0.02)


def predict(model: Path, image: np.ndarray, device: torch.device, on_device: bool) -> np.ndarray:
    predictor = nnUNetPredictor(device=device, perform_everything_on_device=on_device, allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(model), (0,), "checkpoint_final.pth")
    return predictor.predict_single_npy_array(image, {"spacing": [999.0, 1.0, 1.0]}, None, None, True)[1]


@pytest.mark.parametrize("is_seg", [False, True])
@pytest.mark.parametrize("device", DEVICES)
def test_torch_resamples_the_same_on_any_device(device: str, is_seg: bool) -> None:
    generator = np.random.default_rng(0)
    shape = (1, 6, 20, 24)
    array = generator.integers(0, 4, shape) if is_seg else generator.normal(size=shape).astype(np.float32)

    on_cpu, on_device = (
        np.asarray(resample_torch_simple(array, (9, 31, 17), is_seg, device=torch.device(name)))
        for name in ("cpu", device)
    )

    if is_seg:
        assert np.mean(on_cpu != on_device) < 1e-2
    else:
        np.testing.assert_allclose(on_device, on_cpu, rtol=0, atol=1e-4)
