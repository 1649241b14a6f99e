"""Synthetic preprocessed datasets, small enough to train on in a test, and a trainer of two short epochs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
from PIL import Image

from nnunetv2.preprocessing.storage.blosc2_dataset import nnUNetDatasetBlosc2
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from tests.factories.plans import make_dataset_json, make_plans

CPU = torch.device("cpu")
DATASET = "Dataset901_Tiny"
CHANNELS = 3
SPACING_3D = [2.0, 1.0, 1.0]


@dataclass(frozen=True)
class TinyDataset:
    """The description of a dataset. Images show a ball in a ball; domains differ in brightness."""

    cases: int = 10
    dims: int = 2
    labels: Mapping[str, Any] = field(default_factory=lambda: {"background": 0, "outer": 1, "inner": 2})
    regions_class_order: tuple[int, ...] | None = None
    domains: tuple[str, ...] = ()
    """Domains of the cases in turn; if empty, no domains.json is written."""
    batch_size: int = 2
    batch_dice: bool = False
    name: str = DATASET

    @property
    def ending(self) -> str:
        """File ending of the reference segmentations."""
        return ".png" if self.dims == 2 else ".nii.gz"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Spatial shape of every case."""
        return (1, 40, 36) if self.dims == 2 else (18, 24, 22)

    @property
    def configuration(self) -> str:
        """Name of the configuration in the plans."""
        return "2d" if self.dims == 2 else "3d_fullres"

    @property
    def case_names(self) -> list[str]:
        """Identifiers of the cases."""
        return [f"case_{number:03d}" for number in range(self.cases)]

    def plans(self) -> dict[str, Any]:
        """Return plans with a network of three stages."""
        patch = [32, 32] if self.dims == 2 else [16, 16, 16]
        spacing = [1.0, 1.0] if self.dims == 2 else SPACING_3D
        plans = make_plans(
            patch,
            spacing,
            self.ending,
            CHANNELS,
            configuration={"batch_size": self.batch_size, "batch_dice": self.batch_dice},
        )
        plans["dataset_name"] = self.name
        plans["configurations"][self.configuration]["architecture"]["arch_kwargs"]["features_per_stage"] = [4, 8, 8]
        return plans

    def dataset_json(self) -> dict[str, Any]:
        """Return dataset.json."""
        order = {"regions_class_order": list(self.regions_class_order)} if self.regions_class_order else {}
        return make_dataset_json(self.ending, CHANNELS, dict(self.labels), **order)

    def domain_of(self, number: int) -> str:
        """Return the domain of a case."""
        return self.domains[number % len(self.domains)]


def write_preprocessed(dataset: TinyDataset, root: Path) -> Path:
    """Write a dataset to the preprocessed root as planning and preprocessing do; return its folder."""
    folder = root / dataset.name
    (folder / "tiny").mkdir(parents=True)
    (folder / "gt_segmentations").mkdir()
    (folder / "nnUNetPlans.json").write_text(json.dumps(dataset.plans(), indent=4))
    (folder / "dataset.json").write_text(json.dumps(dataset.dataset_json(), indent=4))
    (folder / "dataset_fingerprint.json").write_text("{}")
    for number, case in enumerate(dataset.case_names):
        write_case(dataset, folder, number, case)
    if dataset.domains:
        members: dict[str, list[str]] = {}
        for number, case in enumerate(dataset.case_names):
            members.setdefault(dataset.domain_of(number), []).append(case)
        (folder / "domains.json").write_text(json.dumps({"domains": members}))
    return folder


def write_case(dataset: TinyDataset, folder: Path, number: int, case: str) -> None:
    """Write image, segmentation, properties and reference of one case."""
    generator = np.random.default_rng(number)
    labels = draw_labels(dataset, generator)
    brightness = dataset.domains.index(dataset.domain_of(number)) if dataset.domains else 0
    noise = generator.normal(0, 0.3, (CHANNELS, *dataset.shape))
    image = (labels[None] + noise + 0.3 * brightness).astype(np.float32)
    properties = {
        "spacing": [999.0, 1.0, 1.0] if dataset.dims == 2 else SPACING_3D,
        "shape_before_cropping": dataset.shape,
        "bbox_used_for_cropping": [[0, length] for length in dataset.shape],
        "shape_after_cropping_and_before_resampling": dataset.shape,
        "class_locations": class_locations(dataset, labels),
        "sitk_stuff": {
            "spacing": tuple(SPACING_3D[::-1]),
            "origin": (0.0,) * 3,
            "direction": (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0),
        },
    }
    sizes = {"chunks": image.shape, "blocks": image.shape}
    seg_sizes = {f"{name}_seg": labels[None].shape for name in sizes}
    target = str(folder / "tiny" / case)
    nnUNetDatasetBlosc2.save_case(image, labels[None].astype(np.int16), properties, target, **sizes, **seg_sizes)
    reference = folder / "gt_segmentations" / f"{case}{dataset.ending}"
    if dataset.dims == 2:
        Image.fromarray(labels[0]).save(reference)
    else:
        volume = sitk.GetImageFromArray(labels)
        volume.SetSpacing(tuple(SPACING_3D[::-1]))
        sitk.WriteImage(volume, str(reference))


def draw_labels(dataset: TinyDataset, generator: np.random.Generator) -> np.ndarray:
    """Return a label map (x, y, z) uint8 with an outer and an inner ball; the ignore label covers a corner."""
    axes = np.meshgrid(*map(np.arange, dataset.shape), indexing="ij")
    center = [generator.uniform(0.4, 0.6) * length for length in dataset.shape]
    squares = [
        (axis - middle) ** 2 for axis, middle, length in zip(axes, center, dataset.shape, strict=True) if length > 1
    ]
    distance = np.sqrt(sum(squares))
    labels = (distance < 10).astype(np.uint8)
    labels[distance < 5] = 2
    if "ignore" in dataset.labels:
        labels[:, :12, :12] = dataset.labels["ignore"]
    return labels


def class_locations(dataset: TinyDataset, labels: np.ndarray) -> dict[Any, np.ndarray]:
    """Return label or region -> voxels (0, x, y, z), and with an ignore label the key of all annotated voxels."""
    wanted: dict[Any, list[int]] = {}
    for name, value in dataset.labels.items():
        if name in ("background", "ignore"):
            continue
        is_region = isinstance(value, list)
        wanted[tuple(value) if is_region else value] = list(value) if is_region else [value]
    if "ignore" in dataset.labels:
        wanted[(-1, 0, 1, 2)] = [0, 1, 2]
    return {key: np.argwhere(np.isin(labels, values)[None]) for key, values in wanted.items()}


class TinyTrainer(nnUNetTrainer):
    """Two epochs of three steps, with joint balancing."""

    balance_batches = True
    use_edge_heads = True
    batch_norm_on_domains = False

    def __init__(self, plans, configuration, fold, dataset_json, device=CPU):
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs = 2
        self.num_iterations_per_epoch = 3
        self.num_val_iterations_per_epoch = 2


def make_trainer(dataset: TinyDataset, fold: int | str = 0, trainer_class: type[nnUNetTrainer] = TinyTrainer) -> Any:
    """Return a trainer of the dataset on the CPU."""
    return trainer_class(dataset.plans(), dataset.configuration, fold, dataset.dataset_json(), CPU)
