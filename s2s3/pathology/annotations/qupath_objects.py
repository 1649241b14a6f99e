"""Objects as QuPath reads them from GeoJSON: one feature each, on one line.

QuPath refuses a whole file for one invalid polygon or one class without a colour, so both are checked here.
"""

import json
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely

from nnunetv2.errors import CallError

_LARGEST_COORDINATE = 2**24
"""QuPath stores 32-bit floats, which hold whole numbers exactly up to here."""
_NAMESPACE = uuid.UUID("6a3f1f5e-2f0b-5d0c-9f43-0c1f6f0d7a11")

Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class SlideObject:
    """An area on a slide."""

    polygon: shapely.Polygon | shapely.MultiPolygon
    """Valid; whole coordinates (x, y) in pixels of the slide."""
    class_name: str
    colour: Rgb
    measurements: Mapping[str, float] = field(default_factory=dict)
    """Name as QuPath shows it, for example "Area µm^2" -> value."""


def size_measurements(polygon: shapely.Geometry, mpp_x: float, mpp_y: float) -> dict[str, float]:
    """Return area and perimeter of a polygon in pixels of the slide, under QuPath's names for them.

    Parameters:
        mpp_x, mpp_y: micrometres per pixel of the slide.
    """
    in_um = shapely.transform(polygon, lambda coordinates: coordinates * np.array([mpp_x, mpp_y]))
    return {"Area µm^2": round(in_um.area, 3), "Perimeter µm": round(in_um.length, 3)}


def feature_line(shown: SlideObject, object_type: str, identity: str, metadata: Mapping[str, str]) -> str:
    """Return an object as one line of JSON.

    Parameters:
        object_type: "annotation" or "detection".
        identity: any text that no other object has; equal texts give equal ids.

    Raises CallError for what QuPath would refuse.
    """
    _check(shown)
    properties: dict[str, Any] = {
        "objectType": object_type,
        "classification": {"name": shown.class_name, "color": list(shown.colour)},
        "isLocked": False,
    }
    if shown.measurements:
        properties["measurements"] = {name: _number(value) for name, value in shown.measurements.items()}
    if metadata:
        properties["metadata"] = dict(metadata)
    feature = {
        "type": "Feature",
        "id": str(uuid.uuid5(_NAMESPACE, identity)),
        "geometry": geometry_content(shown.polygon),
        "properties": properties,
    }
    return json.dumps(feature, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def geometry_content(polygon: shapely.Polygon | shapely.MultiPolygon) -> dict[str, Any]:
    """Return the geometry as JSON values; a MultiPolygon only if there are at least two parts."""
    parts = [_rings(part) for part in shapely.get_parts(polygon)]
    if len(parts) == 1:
        return {"type": "Polygon", "coordinates": parts[0]}
    return {"type": "MultiPolygon", "coordinates": parts}


def _rings(polygon: shapely.Polygon) -> list[list[list[int]]]:
    rings: Sequence[Any] = [polygon.exterior, *polygon.interiors]
    return [shapely.get_coordinates(ring).astype(np.int64).tolist() for ring in rings]


def _check(shown: SlideObject) -> None:
    coordinates = shapely.get_coordinates(shown.polygon)
    if shown.polygon.geom_type not in ("Polygon", "MultiPolygon") or not len(coordinates):
        problem = f"is a {shown.polygon.geom_type}, expected a polygon"
    elif not shapely.is_valid(shown.polygon):
        problem = f"is invalid ({shapely.is_valid_reason(shown.polygon)}). Clean outlines before writing them"
    elif (coordinates != np.rint(coordinates)).any() or np.abs(coordinates).max() > _LARGEST_COORDINATE:
        problem = f"has coordinates that are no whole numbers up to {_LARGEST_COORDINATE}"
    else:
        return
    raise CallError(f"an object of class {shown.class_name} {problem}")


def _number(value: float) -> float | str:
    """Return a number as QuPath reads it; JSON has no NaN."""
    return float(value) if math.isfinite(value) else "NaN"
