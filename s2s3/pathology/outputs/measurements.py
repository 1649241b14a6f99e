"""Areas and numbers of objects of each class on a slide."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nnunetv2.errors import ArgumentError
from nnunetv2.pathology.annotations.geojson_writer import ClassObjects
from nnunetv2.pathology.annotations.label_counts import occurrences
from nnunetv2.pathology.annotations.stitching import ReadLabels
from nnunetv2.pathology.outputs.label_reduction import Array
from nnunetv2.pathology.slides.geometry import Box, cells_of

_PART_PX = 4096
_UM2_PER_MM2 = 1e6
_LABELS = 2**16
_OF_OBJECTS = ("objects", "largest_object_mm2")


@dataclass(frozen=True)
class ClassMeasurement:
    """What was found of one class."""

    name: str
    label: int
    pixels: int
    """Of the label image."""
    area_mm2: float
    share_of_tissue: float | None
    """Area as a share of the tissue, 0..1; None without tissue."""
    objects: int | None
    """None where outlines were not drawn."""
    largest_object_mm2: float | None
    """0 without objects, None where outlines were not drawn."""


@dataclass(frozen=True)
class PixelSizes:
    """Micrometres per pixel, (x, y)."""

    labels: tuple[float, float]
    """Of the label image."""
    slide: tuple[float, float]
    """Of the slide at full resolution, in whose pixels objects are measured."""


def count_labels(read_labels: ReadLabels, height: int, width: int) -> Array:
    """Return how many pixels have each label, (65536,), reading the image once in parts."""
    counts = np.zeros(_LABELS, np.int64)
    for part in cells_of(Box(0, 0, width, height), _PART_PX):
        counts += occurrences(read_labels(part.y, part.x, part.height, part.width), _LABELS)
    return counts


def class_measurements(
    counts: Array,
    labels: Mapping[str, int],
    sizes: PixelSizes,
    tissue_mm2: float,
    objects: Mapping[str, ClassObjects] | None = None,
) -> list[ClassMeasurement]:
    """Return the measurements of each foreground class, by its label.

    Parameters:
        counts: pixels of each label, from `count_labels`.
        labels: class -> label; the background, 0, is left out.
        objects: class -> what `write_objects` counted, areas in square pixels of the slide; None, or without a class,
            where its outlines were not asked for.
    """
    pixel_mm2, slide_pixel_mm2 = (x * y / _UM2_PER_MM2 for x, y in (sizes.labels, sizes.slide))
    measured = []
    for name, label in sorted(labels.items(), key=lambda item: item[1]):
        if label == 0:
            continue
        number, largest = _of_objects((objects or {}).get(name), slide_pixel_mm2)
        area = int(counts[label]) * pixel_mm2
        share = area / tissue_mm2 if tissue_mm2 else None
        measured.append(ClassMeasurement(name, label, int(counts[label]), area, share, number, largest))
    return measured


def _of_objects(found: ClassObjects | None, pixel_mm2: float) -> tuple[int | None, float | None]:
    """Return number and largest area."""
    return (None, None) if found is None else (found.count, found.largest * pixel_mm2)


def with_objects_of(content: Mapping[str, Any], earlier: Mapping[str, Any]) -> dict[str, Any]:
    """Return measurements with what earlier ones say of objects, whose outlines were not drawn anew."""
    known = {entry["name"]: entry for entry in earlier["classes"]}
    classes = [
        {**entry, **{key: known[entry["name"]][key] for key in _OF_OBJECTS}} if entry["name"] in known else entry
        for entry in content["classes"]
    ]
    left_out = {"objects_left_out": earlier["objects_left_out"]} if "objects_left_out" in earlier else {}
    return {**content, "classes": classes, **left_out}


def area_ratio(measured: Sequence[ClassMeasurement], ratio: str) -> float | None:
    """Return the area of one class divided by that of another, given as 'Tumor/Stroma'; None if the second has none.

    Raises ArgumentError for a text that does not name two classes that were measured.
    """
    areas = {entry.name: entry.area_mm2 for entry in measured}
    first, second = ratio_classes(ratio, list(areas))
    return areas[first] / areas[second] if areas[second] else None


def ratio_classes(ratio: str, known: Sequence[str]) -> tuple[str, str]:
    """Return the two classes that a ratio such as 'Tumor/Stroma' names.

    Raises ArgumentError if it does not name two of the known classes, or does in several ways.
    """
    pairs = [(ratio[:i], ratio[i + 1 :]) for i, character in enumerate(ratio) if character == "/"]
    found = [pair for pair in pairs if pair[0] in known and pair[1] in known]
    if len(found) != 1:
        raise ArgumentError(f"ratio {ratio!r}: expected two classes with a slash between, out of {', '.join(known)}")
    return found[0]


def measurements_content(
    measured: Sequence[ClassMeasurement], tissue_mm2: float, ratios: Sequence[str] = (), **more: Any
) -> dict[str, Any]:
    """Return the content of measurements.json; `more` are entries about the run, such as tiles and seconds."""
    return {
        "tissue_mm2": tissue_mm2,
        "classes": [asdict(entry) for entry in measured],
        "ratios": {ratio: area_ratio(measured, ratio) for ratio in ratios},
        **more,
    }


def summary_row(slide: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of a slide in summary.csv: column -> value, from the content of its measurements.json.

    Lists and objects about the run are left out; numbers stay.
    """
    row: dict[str, Any] = {"slide": slide, "tissue_mm2": content["tissue_mm2"]}
    for entry in content["classes"]:
        for key in ("area_mm2", "share_of_tissue", "objects", "largest_object_mm2"):
            row[f"{entry['name']} {key}"] = entry[key]
    row |= {f"ratio {name}": value for name, value in content["ratios"].items()}
    known = ("tissue_mm2", "classes", "ratios")
    more = {key: value for key, value in content.items() if key not in known}
    return row | {key: value for key, value in more.items() if not isinstance(value, dict | list)}
