"""What QuPath's importer demands of a GeoJSON file (version 0.6; one broken rule can make the whole file fail)."""

import gzip
import json
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import shapely

OBJECT_TYPES = ("annotation", "detection", "cell", "tile", "tmaCore")
GRID_PX = 0.01


def broken_rules(path: Path) -> list[str]:
    """Return one line for each rule that the file breaks; none if QuPath loads all of it."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    content = json.loads(text, parse_constant=lambda name: f"bare {name}")
    features = content.get("features") if isinstance(content, dict) else content
    if not isinstance(features, list) or (isinstance(content, dict) and content.get("type") != "FeatureCollection"):
        return ["top level: neither a FeatureCollection nor an array"]
    found = [f"features[{number}]: {rule}" for number, feature in enumerate(features) for rule in _of_feature(feature)]
    ids = Counter(feature.get("id") for feature in features)
    return found + [f"id {identity} occurs {count} times" for identity, count in ids.items() if identity and count > 1]


def _of_feature(feature: Any) -> Iterator[str]:
    if feature.get("type") != "Feature":
        yield "type is not Feature"
    if "id" in feature and not _is_uuid(feature["id"]):
        yield "id is no UUID"
    properties = feature.get("properties", {})
    if properties.get("objectType", "annotation") not in OBJECT_TYPES:
        yield f"objectType {properties['objectType']} is unknown"
    yield from _of_classification(properties.get("classification"))
    yield from _of_values(properties)
    yield from _of_geometry(feature.get("geometry"))


def _is_uuid(text: Any) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except (ValueError, AttributeError, TypeError):
        return False


def _of_classification(found: Any) -> Iterator[str]:
    if found is None or isinstance(found, str):
        return
    if not isinstance(found.get("name") or found.get("names"), str | list):
        yield "classification without name"
    if not _is_colour(found.get("color")):
        yield "classification without color"


def _is_colour(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(type(v) is int and 0 <= v < 256 for v in value)


def _of_values(properties: dict[str, Any]) -> Iterator[str]:
    for name, value in properties.get("measurements", {}).items():
        if not (type(value) in (int, float) or value == "NaN"):
            yield f"measurement {name} is {value!r}"
    if not all(isinstance(value, str) for value in properties.get("metadata", {}).values()):
        yield "metadata that is no text"
    if not isinstance(properties.get("isLocked", False), bool):
        yield "isLocked is no bool"
    if not isinstance(properties.get("name", ""), str):
        yield "name is no text"
    if "color" in properties and not _is_colour(properties["color"]):
        yield "color is no list of three values up to 255"


def _of_geometry(geometry: Any) -> Iterator[str]:
    kind = geometry["type"]
    if kind not in ("Polygon", "MultiPolygon"):
        yield f"geometry {kind}"
        return
    parts = [geometry["coordinates"]] if kind == "Polygon" else geometry["coordinates"]
    if kind == "MultiPolygon" and len(parts) < 2:
        yield "MultiPolygon of one part"
    bad_rings = [rule for rings in parts for ring in rings for rule in _of_ring(ring)]
    yield from bad_rings
    if not bad_rings:
        shape = shapely.MultiPolygon([_as_qupath_stores(rings) for rings in parts])
        if not shapely.is_valid(shape):
            yield f"invalid: {shapely.is_valid_reason(shape)}"


def _of_ring(ring: list[list[float]]) -> Iterator[str]:
    if len(ring) < 4:
        yield f"ring of {len(ring)} points"
    elif ring[0] != ring[-1]:
        yield "open ring"


def _as_qupath_stores(rings: list[list[list[float]]]) -> shapely.Polygon:
    """Return the polygon on the grid of 0.01 pixels, in 32-bit floats."""
    stored = [(np.rint(np.array(ring) / GRID_PX) * GRID_PX).astype(np.float32).astype(np.float64) for ring in rings]
    return shapely.Polygon(stored[0], stored[1:])
