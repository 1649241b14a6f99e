"""Small slides with annotations, and the settings of a small tiling."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from nnunetv2.pathology.dataset.tile_slides import Tiling
from nnunetv2.pathology.dataset.tiling_settings import TilingSettings
from nnunetv2.pathology.slides.slide_list import list_slides
from tests.pathology.slides.slide_files import write_small_slide

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels of the slide."""


def write_geojson(path: Path, *areas: tuple[str, Box]) -> None:
    """Write rectangles with classes as QuPath does."""
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [ring_of(box)]},
            "properties": {"objectType": "annotation", "classification": {"name": name, "color": [1, 2, 3]}},
        }
        for name, box in areas
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def ring_of(box: Box) -> list[list[float]]:
    left, top, right, bottom = box
    return [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]


def write_mask(path: Path, values: np.ndarray) -> None:
    tifffile.imwrite(path, values, tile=(128, 128), compression="zlib")


def write_annotated(folder: Path, name: str = "a", *areas: tuple[str, Box], **slide: Any) -> Path:
    """Write `<name>.tif`, 1500 x 1100 px at 0.5 um, all of it tissue, and `<name>.geojson`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_small_slide(folder / f"{name}.tif", **{"glass_share": 0.0, **slide})
    write_geojson(folder / f"{name}.geojson", *(areas or (("Tumor", (100, 100, 700, 500)),)))
    return folder / f"{name}.tif"


def tiling(inputs: Sequence[Path] | Path, name: str = "Dataset120_Test", **settings: Any) -> Tiling:
    """Return a tiling into tiles of 512 pixels at 0.5 um."""
    parts = {key: settings.pop(key) for key in ("places", "grouping") if key in settings}
    given = [inputs] if isinstance(inputs, Path) else inputs
    return Tiling(list_slides(given), name, TilingSettings(**{"mpp": 0.5, "tile": 512, **settings}), **parts)
