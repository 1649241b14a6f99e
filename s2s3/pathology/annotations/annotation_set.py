"""Annotations of a slide, whatever file they come from: checked, repaired, and what was left out counted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import shapely

Array = np.ndarray[Any, np.dtype[Any]]
FRAMES = ("content", "file")
"""Pixels of the finest level, from the corner of the scanned area, as QuPath shows it, or of the whole file."""
Area: TypeAlias = "shapely.Polygon | shapely.MultiPolygon"

FEWEST_POINTS = 3
_LARGEST_COORDINATE = 1e8
_LONGEST_CLASS_NAME = 200
"""Characters."""
_NOTICED_CHANGE = 0.01
_CROSSINGS_UNCHECKED = 500
"""Corners of a polygon that may cross itself in any way; repairing takes memory for every crossing."""
_CROSSINGS_PER_CORNER = 10
_SPARE_CROSSINGS = 100_000
_SEGMENTS_AT_ONCE = 32


class UnfitShape(ValueError):
    """A shape cannot be used; says why, as the end of a sentence that starts with the shape."""


@dataclass(frozen=True)
class Annotation:
    """An area with a class."""

    class_name: str
    area: Area
    """Valid; coordinates (x, y) in pixels of the slide."""


@dataclass(frozen=True)
class AnnotationSet:
    """The areas of one file, in its order."""

    annotations: tuple[Annotation, ...]
    warnings: tuple[str, ...]
    """What was left out or repaired, with numbers; one line each."""

    @property
    def class_names(self) -> list[str]:
        """Every class once, alphabetically."""
        return sorted({annotation.class_name for annotation in self.annotations})

    def in_content(self, origin: tuple[float, float]) -> "AnnotationSet":
        """Return the areas of a file in the frame of the whole file in that of the scanned area.

        Parameters:
            origin: (x, y) of the scanned area in the file of the slide.
        """
        shift = np.array(origin)
        moved = (
            Annotation(entry.class_name, shapely.transform(entry.area, lambda points: points - shift))
            for entry in self.annotations
        )
        return replace(self, annotations=tuple(moved))


@dataclass
class Collector:
    """Gathers the annotations of a file while it is read."""

    _annotations: list[Annotation] = field(default_factory=list)
    _notes: Counter[str] = field(default_factory=Counter)

    def add(self, class_name: str, area: Area) -> None:
        """Add an area, repaired if it is invalid; one without extent is left out. Raises UnfitShape."""
        if len(class_name) > _LONGEST_CLASS_NAME:
            raise UnfitShape(
                f"has a class name of {len(class_name)} characters ({class_name[:20]!r}...),"
                f" expected at most {_LONGEST_CLASS_NAME}"
            )
        valid = area if shapely.is_valid(area) else repaired(area)
        if valid.is_empty or not valid.area:
            self.note("without extent left out")
            return
        if valid is not area and abs(valid.area - _enclosed(area)) > _NOTICED_CHANGE * _enclosed(area):
            self.note(f"of class {class_name} changed by more than 1 % when they were repaired")
        self._annotations.append(Annotation(class_name, valid))

    def note(self, what: str) -> None:
        """Count something that the user should know, such as 'without a class left out'."""
        self._notes[what] += 1

    def result(self) -> AnnotationSet:
        """Return everything that was added."""
        warnings = tuple(f"annotations {what}: {count}" for what, count in sorted(self._notes.items()))
        return AnnotationSet(tuple(self._annotations), warnings)


def polygon_of_rings(rings: Sequence[Array]) -> shapely.Polygon:
    """Return the polygon of an outer ring and its holes, each (N, 2) of (x, y), closed or not. Raises UnfitShape."""
    if not rings:
        raise UnfitShape("has no ring")
    return shapely.Polygon(checked_ring(rings[0]), [checked_ring(ring) for ring in rings[1:]])


def checked_ring(points: Array) -> Array:
    """Return the points of a ring, (N, 2). Raises UnfitShape for fewer than three, or coordinates beyond any slide."""
    if not np.isfinite(points).all():
        raise UnfitShape("has a coordinate that is no number")
    if len(points) and np.abs(points).max() > _LARGEST_COORDINATE:
        raise UnfitShape(f"has the coordinate {np.abs(points).max():g}, expected at most {_LARGEST_COORDINATE:g}")
    different = len(np.unique(points, axis=0))
    if different < FEWEST_POINTS:
        raise UnfitShape(f"has a ring of {different} different points, expected at least {FEWEST_POINTS}")
    return points


def ellipse_in_box(points: Array, corners: int = 256) -> Array:
    """Return points on the ellipse that touches the four sides of the box around the given points, (corners, 2)."""
    low, high = checked_ring(points).min(axis=0), points.max(axis=0)
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    unit = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    ellipse: Array = (low + high) / 2 + unit * (high - low) / 2
    return ellipse


def repaired(area: Area) -> Area:
    """Return a valid area; lines and points that the repair leaves are dropped. Raises UnfitShape for a tangle."""
    _refuse_tangle(area)
    parts = polygons_of(shapely.make_valid(area))
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def polygons_of(geometry: Any) -> list[shapely.Polygon]:
    """Return the polygons of a geometry, also of collections inside it; points and lines are left out."""
    if isinstance(geometry, shapely.Polygon):
        return [] if geometry.is_empty else [geometry]
    return [polygon for part in getattr(geometry, "geoms", ()) for polygon in polygons_of(part)]


def _enclosed(area: Area) -> float:
    return float(abs(area.area))


def _refuse_tangle(area: Area) -> None:
    """Raise UnfitShape if the outline crosses itself so often that a repair would exhaust the memory."""
    points, ring = shapely.get_coordinates(shapely.get_rings(shapely.get_parts(area)), return_index=True)
    if len(points) <= _CROSSINGS_UNCHECKED:
        return
    segments = shapely.linestrings(np.stack([points[:-1], points[1:]], axis=1)[ring[:-1] == ring[1:]])
    tree = shapely.STRtree(segments)
    allowed = _CROSSINGS_PER_CORNER * len(points) + _SPARE_CROSSINGS
    for first in range(0, len(segments), _SEGMENTS_AT_ONCE):
        found = tree.query(segments[first : first + _SEGMENTS_AT_ONCE], predicate="intersects")
        allowed -= found.shape[1]
        if allowed < 0:
            raise UnfitShape(f"crosses itself too often to be repaired ({len(points)} corners)")
