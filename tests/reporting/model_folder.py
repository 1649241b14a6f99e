"""A small trained model on disk, made from numbers, for the tests of the report."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.stage_1_results import write_stage_1

DATASET = "Dataset110_Small"
NAN = float("nan")


def score(mean: float | None, low: float | None = None, high: float | None = None, cases: int = 3) -> dict[str, Any]:
    return {name: {"mean": mean, "interval": [low, high], "cases": cases} for name in ("Dice", "IoU")}


def labels(shift: int = 0) -> np.ndarray:
    """A label image of 40 x 48 with a square of each of two classes."""
    image = np.zeros((40, 48), np.uint8)
    image[5 + shift : 20 + shift, 5:20] = 1
    image[22:35, 25 + shift : 40 + shift] = 2
    return image


def write_picture(path: Path, array: np.ndarray) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return str(path)


def write_evaluation(folder: Path, raw: Path, with_domains: bool = True) -> None:
    """Predictions of two cases with summary.json and domain_summary.json."""
    entries = []
    for number, case in enumerate(("case_1", "case_2")):
        prediction = write_picture(folder / f"{case}.png", labels(shift=2 * number))
        reference = write_picture(raw / DATASET / "labelsTr" / f"{case}.png", labels())
        picture = np.full((40, 48, 3), (230, 170, 200), np.uint8)
        write_picture(raw / DATASET / "imagesTr" / f"{case}_0000.png", picture)
        metrics = {key: {"Dice": 0.9 - 0.2 * number, "IoU": 0.8 - 0.2 * number} for key in ("1", "2")}
        entries.append({"metrics": metrics, "prediction_file": prediction, "reference_file": reference})
    entries[0]["metrics"]["2"] = {"Dice": NAN, "IoU": NAN}
    mean = {key: {"Dice": 0.8123, "IoU": 0.7} for key in ("1", "2")}
    summary = {"foreground_mean": {"Dice": 0.8123, "IoU": 0.7}, "mean": mean, "metric_per_case": entries}
    (folder / "summary.json").write_text(json.dumps(summary))
    if with_domains:
        (folder / "domain_summary.json").write_text(json.dumps(domain_summary(entries)))


def domain_summary(entries: list[dict[str, Any]]) -> dict[str, Any]:
    worst = [
        {"case": Path(e["prediction_file"]).stem, "domain": "B & C", "Dice": 0.7, **e}
        for e in ({k: entry[k] for k in ("prediction_file", "reference_file")} for entry in entries[::-1])
    ]
    return {
        "version": 1,
        "classes": ["1", "2"],
        "ratios": {"A": 0.6, "B & C": 0.4},
        "domains": {
            "A": {
                "cases": 12,
                "foreground": score(0.9111, 0.8801, 0.9402),
                "classes": {"1": score(0.92, 0.9, 0.94), "2": score(None)},
            },
            "B & C": {
                "cases": 3,
                "foreground": score(0.7222, 0.61, 0.83),
                "classes": {"1": score(0.7, 0.6, 0.8), "2": score(0.74, 0.6, 0.86)},
            },
        },
        "mean_over_domains": {"Dice": 0.8167, "IoU": 0.7},
        "balanced": {"Dice": 0.8355, "IoU": 0.7},
        "worst_domain": {"domain": "B & C", "Dice": 0.7222},
        "best_domain": {"domain": "A", "Dice": 0.9111},
        "gap": 0.1889,
        "bootstrap": {"samples": 1000, "level": 0.95, "seed": 12345},
        "worst_cases": worst,
    }


def training_curves(domains: bool = True, epochs: int = 5) -> dict[str, Any]:
    rise = [0.1 + 0.8 * i / epochs for i in range(epochs)]
    return {
        "version": 1,
        "epochs": epochs,
        "train_losses": [-value for value in rise],
        "val_losses": [-value for value in rise],
        "mean_fg_dice": rise,
        "ema_fg_dice": rise,
        "lrs": [0.01] * epochs,
        "epoch_seconds": [60.0] * epochs,
        "domains": {"A": {"dice": rise}, "B & C": {"dice": [None, *rise[1:]]}} if domains else {},
        "balanced_dice": rise if domains else [],
        "worst_domain_dice": rise if domains else [],
        "edge_loss": [],
        "mixing_ratios": {"A": 0.6, "B & C": 0.4} if domains else None,
    }


def write_model(results: Path, raw: Path, trainer: str = "nnUNetTrainer", domains: bool = True) -> Path:
    """A model folder with fold 0."""
    folder = results / DATASET / f"{trainer}__nnUNetPlans__2d_big"
    fold = folder / "fold_0"
    fold.mkdir(parents=True)
    write_evaluation(fold / "validation", raw, with_domains=domains)
    contents = {
        "dataset.json": {
            "labels": {"background": 0, "tumor": 1, "stroma": 2, "ignore": 3},
            "channel_names": {"0": "R", "1": "G", "2": "B"},
            "numTraining": 15,
            "file_ending": ".png",
            "description": "Tiles <of> two hospitals",
        },
        "plans.json": {
            "dataset_name": DATASET,
            "configurations": {
                "2d": {"patch_size": [256, 320], "batch_size": 7, "spacing": [0.5, 0.5]},
                "2d_big": {"inherits_from": "2d", "batch_size": 9},
            },
        },
    }
    if domains:
        contents["domains.json"] = {"domains": {"A": [f"a{i}" for i in range(12)], "B & C": ["b1", "b2", "b3"]}}
        write_stage_1(folder, {"A": 0.6, "B & C": 0.4})
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content))
    (fold / "training_curves.json").write_text(json.dumps(training_curves(domains)))
    return folder
