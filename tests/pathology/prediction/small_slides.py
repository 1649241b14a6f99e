"""A small predictor for colour images, and small pictures that are read as slides."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from tests.factories.models import CPU, build_tiny_network
from tests.factories.plans import make_dataset_json, make_plans


def make_predictor(patch: int = 64, **changes: Any) -> nnUNetPredictor:
    """Return a predictor of two classes with an untrained network, without mirroring."""
    plans = make_plans([patch, patch], [1.0, 1.0], ".png", 3, **changes)
    predictor = nnUNetPredictor(use_mirroring=False, device=CPU, allow_tqdm=False)
    manager = PlansManager(plans)
    network = build_tiny_network(plans, "2d", 3, 3, seed=0)
    configuration = manager.get_configuration("2d")
    weights = [copy.deepcopy(network.state_dict())]
    predictor.manual_initialization(
        network, manager, configuration, weights, make_dataset_json(".png", 3), "nnUNetTrainer", (0, 1)
    )
    return predictor


def picture(folder: Path, height: int, width: int) -> Path:
    """A picture with coarse and fine structure, of 0.5 micrometres per pixel."""
    random = np.random.default_rng(1)
    coarse = np.asarray(Image.fromarray(random.integers(0, 256, (height // 16 + 1, width // 16 + 1, 3), np.uint8)))
    pixels = np.kron(coarse, np.ones((16, 16, 1)))[:height, :width] * 0.7 + random.integers(0, 60, (height, width, 3))
    Image.fromarray(pixels.astype(np.uint8)).save(folder / "a.png")
    return folder / "a.png"


def labels_of(folder: Path) -> np.ndarray:
    """Return the label image of a slide's folder."""
    return np.asarray(tifffile.imread(folder / "labels.ome.tif"))
