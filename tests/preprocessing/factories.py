"""Small raw datasets and plans for preprocessing, made from numbers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from tests.factories.plans import make_configuration

NAME = "Dataset123_Tiles"
CASES = ("a", "b", "c", "d")
DATASET_JSON = {
    "channel_names": {"0": "R", "1": "G", "2": "B"},
    "labels": {"background": 0, "tumor": 1, "stroma": 2},
    "numTraining": len(CASES),
    "file_ending": ".png",
}


def configuration(spacing: Sequence[float], schemes: Sequence[str], **changes: Any) -> dict[str, Any]:
    """Return a configuration like those of the default planner, without a network."""
    entries = {
        **make_configuration([32] * len(spacing), spacing, len(schemes)),
        "data_identifier": "plans_of_a_test",
        "normalization_schemes": list(schemes),
        "architecture": {},
        "batch_dice": True,
        **changes,
    }
    return {name: value for name, value in entries.items() if "probabilities" not in name}


def plans(
    spacing: Sequence[float] = (1.0, 1.0),
    schemes: Sequence[str] = ("ZScoreNormalization",) * 3,
    reader: str = "NaturalImage2DIO",
    transpose_forward: Sequence[int] = (0, 1, 2),
    **changes: Any,
) -> dict[str, Any]:
    """Return plans with a single configuration, called 2d in any case; `changes` replace entries of it."""
    statistics = {"mean": 100.0, "std": 20.0, "percentile_00_5": 10.0, "percentile_99_5": 240.0}
    return {
        "dataset_name": NAME,
        "plans_name": "nnUNetPlans",
        "image_reader_writer": reader,
        "transpose_forward": list(transpose_forward),
        "transpose_backward": np.argsort(transpose_forward).tolist(),
        "configurations": {"2d": configuration(spacing, schemes, **changes)},
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {str(index): statistics for index in range(len(schemes))},
    }


def managers(content: dict[str, Any]) -> tuple[PlansManager, Any]:
    """Return the plans manager and its only configuration."""
    plans_manager = PlansManager(content)
    return plans_manager, plans_manager.get_configuration("2d")


def write_tiles(raw: Path, preprocessed: Path, content: dict[str, Any] | None = None) -> tuple[Path, Path]:
    """Write four RGB tiles with labels 0..2 and their plans; return the raw and the preprocessed folder."""
    random = np.random.default_rng(0)
    source, target = raw / NAME, preprocessed / NAME
    for folder in (source / "imagesTr", source / "labelsTr", target):
        folder.mkdir(parents=True)
    for case in CASES:
        pixels = random.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        pixels[:3] = 0
        Image.fromarray(pixels).save(source / "imagesTr" / f"{case}_0000.png")
        Image.fromarray(random.integers(0, 3, (40, 50), dtype=np.uint8)).save(source / "labelsTr" / f"{case}.png")
    for folder in (source, target):
        (folder / "dataset.json").write_text(json.dumps(DATASET_JSON))
    (target / "nnUNetPlans.json").write_text(json.dumps(content or plans()))
    return source, target
