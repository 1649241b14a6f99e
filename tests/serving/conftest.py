"""A tiny model behind the application, asked without a network."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnunetv2.inference import predict_from_raw_data
from nnunetv2.serving.image_model import ImageModel, load_image_model
from nnunetv2.serving.prediction_queue import PredictionQueue
from nnunetv2.serving.service_limits import ServiceLimits
from tests.factories.models import CPU, Trainer, write_model_folder
from tests.factories.plans import make_dataset_json, make_plans


class Thresholds:
    """Stands for a predictor of RGB images: dark pixels are `outer`, bright ones `inner`, others background."""

    def __init__(self, model: Any):
        self.__dict__.update(vars(model.predictor))
        self.seen: list[tuple[int, ...]] = []

    def predict_single_npy_array(self, pixels: np.ndarray, properties: dict[str, Any]) -> np.ndarray:
        self.seen.append(pixels.shape)
        grey = pixels.mean(0)
        return ((grey < 64) + 2 * (grey > 192)).astype(np.uint8)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained 2D model for RGB images."""
    plans = make_plans([32, 32], [1.0, 1.0], ".png", 3)
    folder = tmp_path_factory.mktemp("served") / "model"
    return write_model_folder(folder, plans, make_dataset_json(".png", 3), mirroring_axes=(0, 1))


@pytest.fixture
def model(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> ImageModel:
    """The model as `drift serve` loads it."""
    monkeypatch.setattr(predict_from_raw_data, "recursive_find_trainer_class_by_name", lambda name: Trainer)
    return load_image_model(model_folder, None, "checkpoint_final.pth", {"device": CPU, "allow_tqdm": False})


@pytest.fixture
def thresholds(model: ImageModel) -> ImageModel:
    """A model whose labels are known."""
    return ImageModel(Thresholds(model), "thresholds")


@pytest.fixture
def client_of() -> Iterator[Callable[..., Any]]:
    """A function that returns a client of the application of a model."""
    pytest.importorskip("fastapi")
    from starlette.testclient import TestClient

    from nnunetv2.serving.application import make_application

    def client(model: ImageModel, limits: ServiceLimits | None = None) -> TestClient:
        limits = limits or ServiceLimits()
        application = make_application(model, limits, ["127.0.0.1"], PredictionQueue(limits.requests))
        return TestClient(application, base_url="http://127.0.0.1", raise_server_exceptions=False)

    return client
