"""What a prediction is sent back as: a label image, or outlines."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nnunetv2.imageio.natural_image_files import write_label_pixels
from nnunetv2.pathology.annotations.geojson_writer import write_objects
from nnunetv2.pathology.annotations.outline_cleanup import OutlineSettings, cleaned
from nnunetv2.pathology.annotations.qupath_objects import SlideObject
from nnunetv2.pathology.annotations.stitching import outlines_of_image
from nnunetv2.serving.image_model import ImageModel

Labels = np.ndarray[Any, Any]
Write = Callable[[Labels, ImageModel, Path], None]


def _write_labels(labels: Labels, _: ImageModel, target: Path) -> None:
    write_label_pixels(labels, str(target))


def _write_outlines(labels: Labels, model: ImageModel, target: Path) -> None:
    """Write the exact outlines of all areas, in pixels of the image."""
    identity = hashlib.sha256(labels.tobytes()).hexdigest()
    write_objects(_objects(labels, model), target, identity, {"model": model.name})


def _objects(labels: Labels, model: ImageModel) -> Iterator[SlideObject]:
    names = {value: name for name, value in model.classes.items()}
    exact = OutlineSettings(simplify_px=0.0, min_area_px=0.0)

    def window(top: int, left: int, height: int, width: int) -> Labels:
        return labels[top : top + height, left : left + width]

    for outline in outlines_of_image(window, *labels.shape):
        polygon = cleaned(outline.polygon, exact)
        if polygon is not None and outline.label in names:
            name = names[outline.label]
            yield SlideObject(polygon, name, model.colours[name], {"Area px^2": float(polygon.area)})


ANSWERS: dict[str, tuple[str, str, Write]] = {
    "png": (".png", "image/png", _write_labels),
    "tiff": (".tif", "image/tiff", _write_labels),
    "geojson": (".geojson", "application/geo+json", _write_outlines),
}
"""Name in a request -> file ending, media type, and what writes it."""


def write_answer(labels: Labels, model: ImageModel, kind: str, folder: Path) -> Path:
    """Write labels as one of ANSWERS into a folder and return the file."""
    ending, _, write = ANSWERS[kind]
    target = folder / f"labels{ending}"
    write(labels, model, target)
    return target
