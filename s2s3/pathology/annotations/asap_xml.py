"""Reads annotations from ASAP's XML; the file may come from anybody."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np
import shapely

from nnunetv2.errors import AnnotationError
from nnunetv2.pathology.annotations.annotation_set import (
    AnnotationSet,
    Array,
    Collector,
    UnfitShape,
    polygon_of_rings,
    polygons_of,
)
from nnunetv2.pathology.annotations.packed_text import LARGEST_MIB, read_packed
from s1.problem_lists import raise_together

ENDINGS = (".xml",)
HOLE_GROUPS = ("Exclusion", "Hole", "exclude")
"""ASAP knows no holes; groups of these names are cut out of all others."""
_AREAS = ("Polygon", "Spline", "Rectangle")
_DEEPEST = 64
_ROOT = "ASAP_Annotations"
_NO_GROUP = ("", "None")


def read_asap(
    path: Path,
    exclude: Collection[str] = HOLE_GROUPS,
    whole: Collection[str] = (),
    origin: tuple[float, float] = (0, 0),
    largest_mib: int = LARGEST_MIB,
) -> AnnotationSet:
    """Return the areas of an ASAP file; the control points of splines are joined by straight lines.

    Dots and sets of points are counted and left out; invalid outlines are repaired.

    Parameters:
        exclude: groups whose areas are cut out of all others.
        whole: groups that nothing is cut out of, such as regions in which everything is annotated.
        origin: (x, y), subtracted: where the part of the slide that is shown begins, in pixels of the slide.

    Raises MissingFileError; AnnotationError, one line for each problem, for a damaged or too large file, one with a
    DOCTYPE or of another program, or a shape that cannot be used.
    """
    collector, problems = Collector(), []
    for number, found in enumerate(_parsed(Path(path), largest_mib)):
        try:
            _collect(found, collector, origin)
        except UnfitShape as error:
            problems.append(f"annotation {number} ({found.attributes.get('Name', '')[:40]!r}) {error}")
    raise_together(AnnotationError, "cannot be used as annotations", problems, str(path))
    return _with_holes(collector.result(), exclude, whole)


@dataclass
class _Found:
    """An annotation as it stands in the file."""

    attributes: Mapping[str, str]
    coordinates: list[Mapping[str, str]] = field(default_factory=list)


def _parsed(path: Path, largest_mib: int) -> list[_Found]:
    content = read_packed(path, ENDINGS, largest_mib)
    found: list[_Found] = []
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth == 1 and name != _ROOT:
            raise AnnotationError(f"{path}: is not ASAP's: it begins with <{name[:40]}>, expected <{_ROOT}>")
        if depth > _DEEPEST:
            raise AnnotationError(f"{path}: elements are nested more than {_DEEPEST} levels deep")
        if name == "Annotation":
            found.append(_Found(attributes))
        elif name == "Coordinate" and found:
            found[-1].coordinates.append(attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    def refuse(*_: Any) -> None:
        raise AnnotationError(f"{path}: has a DOCTYPE, which ASAP does not write and which could name other files")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, ValueError) as error:
        raise AnnotationError(f"{path}: not valid XML ({error})") from None
    return found


def _collect(found: _Found, collector: Collector, origin: tuple[float, float]) -> None:
    kind = found.attributes.get("Type", "")
    if kind not in _AREAS:
        collector.note(f"of type {kind[:40] or 'unknown'} left out")
        return
    group = found.attributes.get("PartOfGroup", "").strip()
    class_name = found.attributes.get("Name", "").strip() if group in _NO_GROUP else group
    if not class_name:
        collector.note("without a class left out")
        return
    collector.add(class_name, polygon_of_rings([_points(found.coordinates) - np.array(origin)]))


def _points(coordinates: list[Mapping[str, str]]) -> Array:
    """Return the points, (N, 2) of (x, y), sorted by their order."""
    try:
        order = [int(entry.get("Order", number)) for number, entry in enumerate(coordinates)]
        points = [(float(entry["X"]), float(entry["Y"])) for entry in coordinates]
    except KeyError as error:
        raise UnfitShape(f"has a coordinate without {error.args[0]}") from None
    except (ValueError, OverflowError):
        raise UnfitShape("has a coordinate that is no number") from None
    return np.array(points, np.float64).reshape(-1, 2)[np.argsort(order, kind="stable")]


def _with_holes(found: AnnotationSet, exclude: Collection[str], whole: Collection[str]) -> AnnotationSet:
    """Cut the areas of some classes out of others; what is cut out entirely is left out."""
    holes = shapely.union_all([entry.area for entry in found.annotations if entry.class_name in exclude])
    shapely.prepare(holes)
    collector = Collector()
    for entry in found.annotations:
        if entry.class_name in exclude:
            continue
        area = entry.area
        if entry.class_name not in whole and holes.intersects(area):
            parts = polygons_of(area.difference(holes))
            area = parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
        collector.add(entry.class_name, area)
    cut = collector.result()
    return AnnotationSet(cut.annotations, (*found.warnings, *cut.warnings))
