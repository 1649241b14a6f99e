"""Tiny raw datasets and fingerprints, made from numbers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

RGB_CHANNELS = {"0": "rgb_to_0_1", "1": "rgb_to_0_1", "2": "rgb_to_0_1"}
TWO_LABELS = {"background": 0, "tumor": 1, "stroma": 2}


def write_json(content: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_dataset_json(folder: Path, num_training: int, **changes: Any) -> dict[str, Any]:
    """Write dataset.json of an RGB dataset with three classes; `changes` replace entries, None removes one."""
    content = {
        "channel_names": RGB_CHANNELS,
        "labels": TWO_LABELS,
        "numTraining": num_training,
        "file_ending": ".png",
        **changes,
    }
    content = {key: value for key, value in content.items() if value is not None}
    write_json(content, folder / "dataset.json")
    return content


def rgb_image(seed: int, height: int = 24, width: int = 32) -> np.ndarray:
    """(H, W, 3) uint8, nowhere black."""
    return np.random.default_rng(seed).integers(1, 256, (height, width, 3), dtype=np.uint8)


def label_image(seed: int, height: int = 24, width: int = 32, most: int = 2) -> np.ndarray:
    """(H, W) uint8 with values 0..most."""
    return np.random.default_rng(1000 + seed).integers(0, most + 1, (height, width), dtype=np.uint8)


def write_png(array: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def write_rgb_dataset(folder: Path, cases: Sequence[str] = ("a", "b", "c"), **changes: Any) -> Path:
    """Write a sound raw dataset of RGB images with labels 0, 1, 2 and return its folder."""
    for seed, case in enumerate(cases):
        write_png(rgb_image(seed), folder / "imagesTr" / f"{case}_0000.png")
        write_png(label_image(seed), folder / "labelsTr" / f"{case}.png")
    write_dataset_json(folder, len(cases), **changes)
    return folder


def write_volume(array: np.ndarray, path: Path, spacing: Sequence[float] = (1.0, 1.0, 1.0)) -> None:
    """Write an array (z, y, x) with its spacing in array order."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(array)
    image.SetSpacing([float(step) for step in reversed(spacing)])
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))


def write_fingerprint(
    folder: Path,
    spacings: Sequence[Sequence[float]],
    shapes: Sequence[Sequence[int]],
    channels: int = 1,
    relative_size: float = 1.0,
) -> None:
    """Write dataset_fingerprint.json into a preprocessed folder."""
    intensities = {"max": 9.5, "mean": 4.25, "median": 4.0, "min": 0.0, "percentile_00_5": 0.5, "percentile_99_5": 9.0}
    content = {
        "foreground_intensity_properties_per_channel": {str(c): {**intensities, "std": 2.0} for c in range(channels)},
        "median_relative_size_after_cropping": relative_size,
        "shapes_after_crop": [list(shape) for shape in shapes],
        "spacings": [list(spacing) for spacing in spacings],
    }
    write_json(content, folder / "dataset_fingerprint.json")


def write_plannable(raw: Path, preprocessed: Path, name: str, **fingerprint: Any) -> None:
    """Write the least that a planner needs of a volume dataset: dataset.json, one image, a fingerprint.

    `num_training`, `labels`, `channel_names` and the entries of `more` go to dataset.json, the rest is the fingerprint.
    """
    num_training = fingerprint.pop("num_training", len(fingerprint["shapes"]))
    labels = fingerprint.pop("labels", TWO_LABELS)
    channel_names = fingerprint.pop("channel_names", {"0": "CT"})
    more = fingerprint.pop("more", {})
    entries = {"channel_names": channel_names, "labels": labels, "file_ending": ".nrrd", **more}
    write_dataset_json(raw / name, num_training, **entries)
    for channel in range(len(channel_names)):
        write_volume(np.zeros((2, 2, 2), np.float32), raw / name / "imagesTr" / f"case_{channel:04d}.nrrd")
    write_fingerprint(preprocessed / name, channels=len(channel_names), **fingerprint)
