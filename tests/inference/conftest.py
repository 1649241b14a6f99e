import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nnunetv2.inference import predict_from_raw_data
from tests.factories.models import Trainer, write_model_folder
from tests.factories.plans import make_dataset_json, make_plans


@pytest.fixture
def rgb_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An untrained 2D model for RGB PNG, folds 0 and 1, patch 32 x 32."""
    monkeypatch.setattr(predict_from_raw_data, "recursive_find_trainer_class_by_name", lambda name: Trainer)
    plans = make_plans([32, 32], [1.0, 1.0], ".png", 3)
    return write_model_folder(tmp_path / "model", plans, make_dataset_json(".png", 3), (0, 1), mirroring_axes=(0, 1))


@pytest.fixture
def rgb_images(tmp_path: Path) -> Path:
    """Three RGB images a, b, c of 40 x 50 pixels."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number, case in enumerate("abc"):
        write_rgb(folder / f"{case}_0000.png", number, (40, 50))
    return folder


@pytest.fixture
def count_listings(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], int]:
    """A function that tells how often a folder was listed since the test began."""
    listed: list[str] = []

    def noting(list_it: Callable[..., Any]) -> Callable[..., Any]:
        def list_and_note(folder: Any = ".") -> Any:
            listed.append(str(folder) if isinstance(folder, int) else os.path.abspath(folder))
            return list_it(folder)

        return list_and_note

    for name in ("listdir", "scandir"):
        monkeypatch.setattr(os, name, noting(getattr(os, name)))
    return lambda folder: listed.count(str(folder))


def write_rgb(file: Path, seed: int, shape: tuple[int, int]) -> None:
    """Write a noisy picture with blobs."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(60, 200, (shape[0] // 8 + 1, shape[1] // 8 + 1, 3))
    picture = coarse.repeat(8, 0).repeat(8, 1)[: shape[0], : shape[1]] + generator.integers(-30, 30, (*shape, 3))
    Image.fromarray(picture.astype(np.uint8)).save(file)
