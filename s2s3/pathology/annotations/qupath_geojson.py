"""Reads annotations from GeoJSON as QuPath writes it; the file may come from anybody."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from nnunetv2.errors import AnnotationError
from nnunetv2.pathology.annotations.annotation_set import (
    AnnotationSet,
    Area,
    Array,
    Collector,
    UnfitShape,
    checked_ring,
    ellipse_in_box,
    polygon_of_rings,
)
from nnunetv2.pathology.annotations.packed_text import LARGEST_MIB, read_packed
from s1.json_files import NotJson, parse_json
from s1.json_schema import shown
from s1.problem_lists import raise_together

ENDINGS = (".geojson", ".json")
_WITHOUT_AREA = ("Point", "MultiPoint", "LineString", "MultiLineString")
_CHILDREN = ("childObjects", "children")
_FEATURE = "Feature"
_EXPECTED = "a FeatureCollection, a Feature or a list of features"


def read_geojson(path: Path, largest_mib: int = LARGEST_MIB, unclassified: str | None = None) -> AnnotationSet:
    """Return the areas of a GeoJSON file, plain or packed (.gz, .zip), those nested in others after them.

    Points and lines are counted and left out; invalid rings are repaired.

    Parameters:
        unclassified: class of objects without one; None: they are counted and left out, too.

    Raises MissingFileError; AnnotationError, one line for each problem, for a damaged or too large file, or a shape
    that cannot be used.
    """
    try:
        content = parse_json(read_packed(Path(path), ENDINGS, largest_mib))
    except NotJson as error:
        raise AnnotationError(f"{path}: {error}") from None
    collector, problems = Collector(), []
    for place, feature in _features(content, str(path)):
        try:
            _collect(feature, collector, unclassified)
        except UnfitShape as error:
            problems.append(f"{place} {error}")
    raise_together(AnnotationError, "cannot be used as annotations", problems, str(path))
    return collector.result()


def _features(content: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield each feature with its place in the file, a parent before its children."""
    top: Any = [content]
    if not isinstance(content, dict) or content.get("type") != _FEATURE:
        top = content.get("features") if isinstance(content, dict) else content
    if not isinstance(top, list):
        raise AnnotationError(f"{path}: is not GeoJSON, expected {_EXPECTED}")
    waiting = [(f"features[{number}]", feature) for number, feature in enumerate(top)][::-1]
    while waiting:
        place, feature = waiting.pop()
        yield place, feature
        waiting += [(f"{place}.{name}", child) for name, child in _children(feature)][::-1]


def _children(feature: Any) -> Iterator[tuple[str, Any]]:
    for holder in (feature, _properties(feature)):
        for key in _CHILDREN:
            children = holder.get(key) if isinstance(holder, dict) else None
            for number, child in enumerate(children if isinstance(children, list) else ()):
                yield f"{key}[{number}]", child


def _properties(feature: Any) -> dict[str, Any]:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    return properties if isinstance(properties, dict) else {}


def _collect(feature: Any, collector: Collector, unclassified: str | None) -> None:
    if not isinstance(feature, dict):
        raise UnfitShape("is no feature, expected an object")
    if feature.get("type", _FEATURE) != _FEATURE:
        raise UnfitShape(f"has the type {shown(feature['type'])}, expected {_FEATURE}")
    geometry, class_name = feature.get("geometry"), _class_name(_properties(feature)) or unclassified
    is_ellipse = _properties(feature).get("isEllipse") is True
    for area in _areas(geometry, collector, is_ellipse):
        if class_name is None:
            collector.note("without a class left out")
        else:
            collector.add(class_name, area)


def _class_name(properties: dict[str, Any]) -> str | None:
    """Return the class; the parts of a derived class are joined by ': '. None if there is none."""
    found = properties.get("classification")
    if isinstance(found, dict):
        found = found.get("name") or found.get("names")
    parts: list[Any] = found if isinstance(found, list) else [found]
    if not parts or not all(isinstance(part, str) and part.strip() for part in parts):
        return None
    return ": ".join(part.strip() for part in parts)


def _areas(geometry: Any, collector: Collector, is_ellipse: bool) -> Iterator[Area]:
    if not isinstance(geometry, dict):
        collector.note("without a shape left out")
        return
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind in _WITHOUT_AREA:
        collector.note("that are points or lines left out")
    elif kind == "GeometryCollection":
        for part in _listed(geometry.get("geometries")):
            yield from _areas(part, collector, is_ellipse)
    elif kind == "Polygon":
        yield _polygon(coordinates, is_ellipse or geometry.get("isEllipse") is True)
    elif kind == "MultiPolygon":
        polygons = [_polygon(rings, is_ellipse) for rings in _listed(coordinates)]
        if polygons:
            yield shapely.MultiPolygon(polygons)
    else:
        raise UnfitShape(f"has the geometry {shown(kind)}, expected Polygon or MultiPolygon")


def _polygon(rings: Any, is_ellipse: bool) -> shapely.Polygon:
    points = [_points(ring) for ring in _listed(rings)]
    if is_ellipse and points:
        return shapely.Polygon(ellipse_in_box(checked_ring(points[0])))
    return polygon_of_rings(points)


def _points(ring: Any) -> Array:
    """Return a ring as (N, 2) of (x, y); a third coordinate is ignored."""
    positions = _listed(ring)
    if not all(isinstance(position, list) and len(position) >= 2 for position in positions):
        raise UnfitShape("has a position that is no list of two numbers")
    values = [value for position in positions for value in position[:2]]
    if not all(type(value) in (int, float) for value in values):
        raise UnfitShape("has a coordinate that is no number")
    try:
        return np.array(values, np.float64).reshape(-1, 2)
    except OverflowError:
        raise UnfitShape("has a coordinate beyond any slide") from None


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise UnfitShape(f"has {shown(value)} in place of a list of coordinates")
    return value
