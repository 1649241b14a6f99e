"""A slide whose labels are known: all that its files are made from, whether just predicted or read from files."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import shapely

from nnunetv2.pathology.annotations.outline_cleanup import OutlineSettings, cleaned
from nnunetv2.pathology.annotations.outlines import Array
from nnunetv2.pathology.annotations.qupath_objects import Rgb, SlideObject, size_measurements
from nnunetv2.pathology.annotations.specks import only_labels, without_specks
from nnunetv2.pathology.annotations.stitching import Outline, ReadLabels, outlines_of_image
from nnunetv2.pathology.outputs.export_settings import ExportSettings
from nnunetv2.pathology.outputs.overlay import NOT_READ, class_colours
from nnunetv2.pathology.outputs.probability_map import ProbabilityMap
from nnunetv2.pathology.slides.geometry import Box, cells_of

GREY: Rgb = (128, 128, 128)
_PART_PX = 4096


@dataclass(frozen=True)
class LabelledSlide:
    """One slide.

    Parameters:
        name: of the slide.
        model: name of the model; `identity` tells its weights from others'.
        classes: foreground class -> label.
        read_labels: reads windows of the label image.
        height, width: of the label image.
        scale: pixels of the slide per pixel of the label image, (x, y).
        mpp, slide_mpp: micrometres per pixel, (x, y), of the label image and of the slide.
        unread: parts of the label image of which the slide could not be read.
        tissue_mm2: area of what was predicted, without its margin.
        probabilities: of the classes; None if they were not kept.
        path: of the slide; None if it is not known.
        origin: (x, y) of the scanned area in the file of the slide, in its pixels.
    """

    name: str
    model: str
    identity: str
    classes: Mapping[str, int]
    read_labels: ReadLabels
    height: int
    width: int
    scale: tuple[float, float]
    mpp: tuple[float, float]
    slide_mpp: tuple[float, float]
    unread: Sequence[Box]
    tissue_mm2: float
    probabilities: ProbabilityMap | None = None
    path: str | None = None
    origin: tuple[float, float] = (0.0, 0.0)

    def objects(self, settings: ExportSettings) -> Iterator[SlideObject]:
        """Yield the outlines of the classes to show, in pixels of the slide, then those of what could not be read."""
        colours = class_colours(self.classes)
        names = {label: name for name, label in settings.shown(self.classes).items()}
        cleanup = self._outline_settings(settings)
        shown_labels = partial(self._shown_labels, names, cleanup.min_area_px)
        for outline in outlines_of_image(shown_labels, self.height, self.width):
            name, polygon = names[outline.label], cleaned(outline.polygon, cleanup)
            if polygon is not None:
                measured = {**size_measurements(polygon, *self.slide_mpp), **self._mean_probability(name, outline)}
                yield SlideObject(polygon, name, colours[name], measured)
        for polygon in self._unread_polygons(settings):
            yield SlideObject(polygon, NOT_READ, GREY, size_measurements(polygon, *self.slide_mpp))

    def labels_at(self, rows: Array, columns: Array) -> Iterator[tuple[tuple[Array, ...], Array]]:
        """Yield the labels at some rows and columns, part by part, each after its place: an index of the whole.

        Parameters:
            rows, columns: ascending.
        """
        for part in cells_of(Box(0, 0, self.width, self.height), _PART_PX):
            y = np.flatnonzero((rows >= part.y) & (rows < part.bottom))
            x = np.flatnonzero((columns >= part.x) & (columns < part.right))
            if len(y) and len(x):
                labels = self.read_labels(part.y, part.x, part.height, part.width)
                yield np.ix_(y, x), labels[np.ix_(rows[y] - part.y, columns[x] - part.x)]

    def _shown_labels(self, shown: Iterable[int], min_area_px: float, *window: int) -> Array:
        """Return a window without labels that are not shown, and without areas that `cleaned` would drop."""
        return without_specks(only_labels(self.read_labels(*window), shown), min_area_px)

    def _mean_probability(self, name: str, outline: Outline) -> dict[str, float]:
        found = None if self.probabilities is None else self.probabilities.mean(name, outline.polygon)
        return {} if found is None else {"Mean probability": round(found, 4)}

    def _outline_settings(self, settings: ExportSettings) -> OutlineSettings:
        pixel_um = sum(self.mpp) / 2
        simplify, area = settings.simplify_um, settings.min_area_um2
        scales: dict[str, Any] = {"scale_x": self.scale[0], "scale_y": self.scale[1], "origin": self._origin(settings)}
        return OutlineSettings(
            simplify_px=1.0 if simplify is None else simplify / pixel_um,
            min_area_px=10.0 if area is None else area / pixel_um**2,
            **scales,
        )

    def _origin(self, settings: ExportSettings) -> tuple[float, float]:
        return self.origin if settings.frame == "file" else (0.0, 0.0)

    def _unread_polygons(self, settings: ExportSettings) -> Iterator[shapely.Polygon]:
        boxes = [shapely.box(box.x, box.y, box.right, box.bottom) for box in self.unread]
        exact = OutlineSettings(0.0, 0.0, *self.scale, self._origin(settings))
        for part in shapely.get_parts(shapely.unary_union(boxes)):
            polygon = cleaned(part, exact)
            if polygon is not None:
                yield polygon
