"""Turns exact outlines into polygons for a viewer: fewer corners, nothing tiny, whole pixels of the slide, valid."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from nnunetv2.errors import InvalidValueError
from nnunetv2.pathology.annotations.annotation_set import polygons_of
from nnunetv2.pathology.annotations.outlines import Array


@dataclass(frozen=True)
class OutlineSettings:
    """How outlines are cleaned. Raises InvalidValueError for a negative or endless number.

    Parameters:
        scale_x, scale_y: pixels of the slide per pixel of the label image, above 0.
        origin: (x, y), added to the coordinates in pixels of the slide.
    """

    simplify_px: float = 1.0
    """How far an outline may move, in pixels of the label image; 0 keeps every corner."""
    min_area_px: float = 10.0
    """Smaller areas are dropped and smaller holes filled, in square pixels of the label image."""
    scale_x: float = 1.0
    scale_y: float = 1.0
    origin: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        for name in ("simplify_px", "min_area_px", "scale_x", "scale_y"):
            value = getattr(self, name)
            least = "above 0" if name.startswith("scale") else "of at least 0"
            if not np.isfinite(value) or value < 0 or (value == 0 and name.startswith("scale")):
                raise InvalidValueError(f"{name} is {value}, expected a number {least}")


def cleaned(polygon: shapely.Polygon, settings: OutlineSettings) -> shapely.Polygon | shapely.MultiPolygon | None:
    """Return a valid polygon, or a MultiPolygon of at least two, with whole coordinates in pixels of the slide.

    None if the area is too small, or is less than a pixel of the slide wide everywhere.

    Parameters:
        polygon: valid, in pixels of the label image.
    """
    if polygon.area < settings.min_area_px:
        return None
    exact = _without_small_holes(polygon, settings.min_area_px)
    for candidate in _candidates(exact, settings):
        rounded = _on_slide(candidate, settings)
        parts = [part for part in shapely.get_parts(rounded) if part.area]
        if parts and shapely.is_valid(rounded):
            return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
    return None


def _candidates(exact: shapely.Polygon, settings: OutlineSettings) -> Iterator[Any]:
    """Yield the simplified polygon, then the exact one."""
    if settings.simplify_px:
        yield _without_small_holes(shapely.simplify(exact, settings.simplify_px), settings.min_area_px)
    yield exact


def _without_small_holes(polygon: shapely.Polygon, min_area: float) -> shapely.Polygon:
    holes = [ring for ring in polygon.interiors if shapely.Polygon(ring).area >= min_area]
    return polygon if len(holes) == len(polygon.interiors) else shapely.Polygon(polygon.exterior, holes)


def _on_slide(polygon: Any, settings: OutlineSettings) -> Any:
    """Return the polygon in whole pixels of the slide, repaired if the rounding made it invalid.

    A half is rounded up, so that equal steps stay equal.
    """
    scale, origin = np.array([settings.scale_x, settings.scale_y]), np.array(settings.origin)

    def placed(coordinates: Array) -> Array:
        rounded: Array = np.floor(coordinates * scale + origin + 0.5)
        return rounded

    moved = shapely.transform(polygon, placed)
    if shapely.is_valid(moved):
        return moved
    repaired = shapely.transform(shapely.make_valid(moved), lambda coordinates: np.floor(coordinates + 0.5))
    return shapely.MultiPolygon(polygons_of(repaired))
