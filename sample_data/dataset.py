"""Write a synthetic multi-domain dataset in nnU-Net's raw layout.

Cases are numbered within their domain, training cases first; held-out cases come from separate slides.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sample_data.domains import EXAMPLE_DOMAINS, StainDomain
from sample_data.layout import BACKGROUND, STROMA, TUMOR
from sample_data.randomness import random_stream
from sample_data.staining import stain
from sample_data.tissue import draw_tissue

LABELS = {"background": BACKGROUND, "tumor": TUMOR, "stroma": STROMA}


@dataclass(frozen=True)
class DatasetSettings:
    """Settings of the dataset. The same settings always give the same files."""

    cases_per_domain: int = 12
    """Training tiles per domain."""
    held_out_per_domain: int = 4
    """Tiles per domain for imagesTs and labelsTs."""
    size_px: int = 256
    """Height and width of a tile."""
    tiles_per_slide: int = 3
    """Tiles that share a slide, and so its group and stain strengths."""
    seed: int = 0
    domains: Sequence[StainDomain] = EXAMPLE_DOMAINS

    def __post_init__(self) -> None:
        smallest = {"cases_per_domain": 1, "held_out_per_domain": 0, "size_px": 32, "tiles_per_slide": 1, "seed": 0}
        for name, least in smallest.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}, expected {least} or more")


@dataclass(frozen=True)
class PlannedCase:
    """One tile to draw."""

    name: str
    domain: StainDomain
    slide: str
    is_held_out: bool


def plan_cases(settings: DatasetSettings) -> list[PlannedCase]:
    """Return all tiles of the dataset, domain by domain, training tiles first."""
    return [case for domain in settings.domains for case in _cases_of(domain, settings)]


def draw_case(case: PlannedCase, settings: DatasetSettings) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw a tile: image (H, W, 3) and its exact label map (H, W)."""
    domain = case.domain.on_slide(random_stream(settings.seed, case.slide))
    rng = random_stream(settings.seed, case.name)
    domain = domain.on_tile(rng)
    tissue = draw_tissue(rng, (settings.size_px, settings.size_px), domain.mix)
    return stain(tissue, domain, rng), tissue.labels


def write_case(case: PlannedCase, settings: DatasetSettings, folder: Path) -> None:
    """Draw a tile and write its two PNG files to the dataset's folder."""
    image, labels = draw_case(case, settings)
    suffix = "Ts" if case.is_held_out else "Tr"
    Image.fromarray(image).save(folder / f"images{suffix}" / f"{case.name}_0000.png")
    Image.fromarray(labels).save(folder / f"labels{suffix}" / f"{case.name}.png")


def write_descriptions(cases: Sequence[PlannedCase], folder: Path) -> None:
    """Write dataset.json, domains.json and groups.json; if there are held-out cases, also domains_test.json.

    The last contains the held-out cases, the others only the training cases. The group of a case is its slide.
    """
    training = [case for case in cases if not case.is_held_out]
    dataset = {
        "channel_names": {"0": "R", "1": "G", "2": "B"},
        "labels": LABELS,
        "numTraining": len(training),
        "file_ending": ".png",
    }
    _write_json(dataset, folder / "dataset.json")
    _write_json(_domains_of(training), folder / "domains.json")
    held_out = [case for case in cases if case.is_held_out]
    if held_out:
        _write_json(_domains_of(held_out), folder / "domains_test.json")
    _write_json({"groups": {case.name: case.slide for case in training}}, folder / "groups.json")


def make_folders(raw_folder: Path, dataset_id: int, name: str) -> Path:
    """Create the folders of a dataset and return the outer one. Raises FileExistsError if it exists."""
    folder = raw_folder / f"Dataset{dataset_id:03d}_{name}"
    folder.mkdir(parents=True)
    for part in ("imagesTr", "labelsTr", "imagesTs", "labelsTs"):
        (folder / part).mkdir()
    return folder


def _cases_of(domain: StainDomain, settings: DatasetSettings) -> Iterator[PlannedCase]:
    training_slides = -(-settings.cases_per_domain // settings.tiles_per_slide)
    for number in range(settings.cases_per_domain + settings.held_out_per_domain):
        is_held_out = number >= settings.cases_per_domain
        within = number - settings.cases_per_domain if is_held_out else number
        slide = within // settings.tiles_per_slide + 1 + (training_slides if is_held_out else 0)
        yield PlannedCase(f"{domain.name}_{number + 1:03d}", domain, f"{domain.name}_slide{slide:02d}", is_held_out)


def _domains_of(cases: Sequence[PlannedCase]) -> dict[str, dict[str, list[str]]]:
    domains: dict[str, list[str]] = {}
    for case in cases:
        domains.setdefault(case.domain.name, []).append(case.name)
    return {"domains": domains}


def _write_json(content: object, path: Path) -> None:
    path.write_text(json.dumps(content, indent=4) + "\n")
