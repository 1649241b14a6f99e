"""A results folder with validated folds, made from random segmentations, for choosing between models."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nnunetv2.foundation.files import write_json
from tests.factories.plans import make_dataset_json, make_plans

DATASET = "Dataset901_Tiny"
SHAPE = (24, 30)


def make_blobs(generator: np.random.Generator, labels: int) -> np.ndarray:
    """Return a picture with one rectangle per label, later ones on top."""
    picture = np.zeros(SHAPE, np.uint8)
    for label in range(1, labels):
        row, column = generator.integers(0, 12, 2)
        picture[row : row + 11, column : column + 13] = label
    return picture


def make_prediction(generator: np.random.Generator, reference: np.ndarray, noise: float, heads: int) -> np.ndarray:
    """Return probabilities (heads, 1, *shape), highest at the reference's label; less sure in stray pixels."""
    wrong = generator.random(reference.shape) < noise
    labels = np.where(wrong, generator.integers(0, heads, reference.shape), reference % heads)
    scores = generator.random((heads, 1, *reference.shape)).astype(np.float32)
    confidence = np.where(wrong, 1.2, 2)
    scores += confidence * (np.arange(heads)[:, None, None, None] == labels[None, None])
    return scores / scores.sum(0)


def write_cross_validation(
    root: Path, noises: dict[str, float], labels: dict[str, Any] | None = None, cases: int = 6
) -> Path:
    """Write raw labels, preprocessed plans and one validated model (two folds) per configuration; returns `root`.

    Parameters:
        noises: configuration -> share of wrong pixels.
    """
    dataset_json = make_dataset_json(".png", 1, labels)
    heads = len(dataset_json["labels"])
    plans = make_plans([8, 8], [1.0, 1.0], ".png", 1)
    plans["configurations"] = {name: dict(plans["configurations"]["2d"]) for name in noises}
    generator = np.random.default_rng(3)
    references = {f"case{number}": make_blobs(generator, heads) for number in range(cases)}
    preprocessed, results = root / "preprocessed" / DATASET, root / "results" / DATASET
    for folder in (root / "raw" / DATASET / "labelsTr", preprocessed / "gt_segmentations"):
        folder.mkdir(parents=True)
        for case, reference in references.items():
            Image.fromarray(reference).save(folder / f"{case}.png")
    write_json(plans, preprocessed / "nnUNetPlans.json")
    write_json(dataset_json, preprocessed / "dataset.json")
    for configuration, noise in noises.items():
        model = results / f"nnUNetTrainer__nnUNetPlans__{configuration}"
        for number, (case, reference) in enumerate(references.items()):
            folder = model / f"fold_{number % 2}" / "validation"
            folder.mkdir(parents=True, exist_ok=True)
            write_validation(folder, case, make_prediction(generator, reference, noise, heads))
        write_json(plans, model / "plans.json")
        write_json(dataset_json, model / "dataset.json")
    return root


def write_validation(folder: Path, case: str, probabilities: np.ndarray) -> None:
    """Write the three files that a validation with probabilities writes for a case."""
    Image.fromarray(probabilities.argmax(0)[0].astype(np.uint8)).save(folder / f"{case}.png")
    np.savez_compressed(folder / f"{case}.npz", probabilities=probabilities)
    properties = {"spacing": (999, 1, 1), "shape_before_cropping": (1, *SHAPE), "weight": np.float64(0.5)}
    (folder / f"{case}.pkl").write_bytes(pickle.dumps(properties))


def environment_of(root: Path) -> dict[str, str]:
    """Return the environment for commands on the folder."""
    return {f"nnUNet_{name}": str(root / name) for name in ("raw", "preprocessed", "results")}
