"""From the finished bands of a slide to what people open: label pyramid, objects for QuPath, pictures, numbers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from nnunetv2.file_kinds.slide_files import MEASUREMENTS_NAME, OBJECTS_NAME, OVERLAY_NAME, THUMBNAIL_NAME
from nnunetv2.pathology.annotations.geojson_writer import GeoJsonSettings, WrittenObjects, write_objects
from nnunetv2.pathology.annotations.outline_cleanup import OutlineSettings, cleaned
from nnunetv2.pathology.annotations.qupath_objects import Rgb, SlideObject, size_measurements
from nnunetv2.pathology.annotations.stitching import outlines_of_image
from nnunetv2.pathology.outputs.bands import BandFiles
from nnunetv2.pathology.outputs.label_pyramid import PyramidDescription, write_label_pyramid
from nnunetv2.pathology.outputs.measurements import (
    PixelSizes,
    class_measurements,
    count_labels,
    measurements_content,
)
from nnunetv2.pathology.outputs.overlay import (
    NOT_READ,
    class_colours,
    overlay_picture,
    thumbnail_size,
    write_picture,
)
from nnunetv2.pathology.prediction.slide_damage import SlideDamage
from nnunetv2.pathology.prediction.slide_settings import SlideSettings
from nnunetv2.pathology.slides.geometry import ViewGrid
from nnunetv2.pathology.slides.slide import Slide
from nnunetv2.pathology.slides.thumbnail import readable_thumbnail
from nnunetv2.pathology.tissue.slide_tissue import TissueMask
from s1.files import write_json

LABELS, TISSUE = "labels.ome.tif", "tissue.geojson"
_GREY: Rgb = (128, 128, 128)
_STRIP_PX = 1024


@dataclass(frozen=True)
class SlideOutputs:
    """All files of one slide.

    Parameters:
        name: of the slide.
        model: name of the model; `identity` tells its weights from others'.
        classes: foreground class -> label.
        grid: of the view; `mpp` are its true micrometres per pixel, (x, y).
        tissue: what was predicted on, without its margin.
    """

    slide: Slide
    name: str
    model: str
    identity: str
    classes: Mapping[str, int]
    grid: ViewGrid
    mpp: tuple[float, float]
    files: BandFiles
    damage: SlideDamage
    tissue: TissueMask
    settings: SlideSettings

    def write(self, folder: Path, **about: Any) -> dict[str, Any]:
        """Write what the settings ask for, and measurements.json; return the content of that.

        Parameters:
            about: further entries of measurements.json.
        """
        written = None
        if "labels" in self.settings.save:
            self._write_pyramid(folder / LABELS)
        if "geojson" in self.settings.save:
            written = self._write_objects(folder / OBJECTS_NAME)
        if "overlay" in self.settings.save:
            self._write_pictures(folder)
        self._write_tissue(folder / TISSUE)
        content = self._measured(written, about)
        write_json(content, folder / MEASUREMENTS_NAME)
        return content

    def _write_pyramid(self, target: Path) -> None:
        labels = {"background": 0, **self.classes}
        description = PyramidDescription(self.name, labels, self.model, self.mpp)
        size = (self.grid.height, self.grid.width)
        write_label_pyramid(self.files.labels, *size, self.files.label_dtype, description, target)

    def _write_objects(self, target: Path) -> WrittenObjects:
        metadata = {"model": self.model, "mpp": f"{self.slide.mpp.mean:.6g}"}
        return write_objects(self._objects(), target, f"{self.name} {self.identity}", metadata)

    def _objects(self) -> Iterator[SlideObject]:
        """Yield the outlines of all classes, then those of what could not be read."""
        colours, names = class_colours(self.classes), {label: name for name, label in self.classes.items()}
        slide = self.slide.mpp
        for outline in outlines_of_image(self.files.labels, self.grid.height, self.grid.width):
            polygon = cleaned(outline.polygon, self._outline_settings)
            if polygon is not None:
                name = names[outline.label]
                yield SlideObject(polygon, name, colours[name], size_measurements(polygon, slide.x, slide.y))
        for polygon in self._unread_polygons():
            yield SlideObject(polygon, NOT_READ, _GREY, size_measurements(polygon, slide.x, slide.y))

    @property
    def _outline_settings(self) -> OutlineSettings:
        pixel_um = sum(self.mpp) / 2
        simplify, area = self.settings.simplify_um, self.settings.min_area_um2
        scales: dict[str, Any] = {"scale_x": self.grid.scale_x, "scale_y": self.grid.scale_y}
        return OutlineSettings(
            simplify_px=1.0 if simplify is None else simplify / pixel_um,
            min_area_px=10.0 if area is None else area / pixel_um**2,
            **scales,
        )

    def _unread_polygons(self) -> Iterator[shapely.Polygon]:
        boxes = [shapely.box(box.x, box.y, box.right, box.bottom) for box in self.damage.unread()]
        exact = OutlineSettings(0.0, 0.0, self.grid.scale_x, self.grid.scale_y)
        for part in shapely.get_parts(shapely.unary_union(boxes)):
            polygon = cleaned(part, exact)
            if polygon is not None:
                yield polygon

    def _write_tissue(self, target: Path) -> None:
        """Write the tissue as an annotation that can be edited in QuPath and given to --tissue."""
        whole = OutlineSettings(0.0, 0.0)
        shapes = (cleaned(polygon, whole) for polygon in self.tissue.polygons())
        objects = (SlideObject(shape, "Tissue", _GREY) for shape in shapes if shape is not None)
        write_objects(objects, target, f"{self.name} tissue", settings=GeoJsonSettings("annotation"))

    def _write_pictures(self, folder: Path) -> None:
        thumbnail = readable_thumbnail(self.slide)
        write_picture(thumbnail, folder / THUMBNAIL_NAME)
        labels = self._small_labels(*thumbnail_size(self.grid.height, self.grid.width))
        write_picture(overlay_picture(thumbnail, labels, self.classes, self._not_read_picture()), folder / OVERLAY_NAME)

    def _small_labels(self, height: int, width: int) -> npt.NDArray[Any]:
        """Return the labels in the middle of each pixel of a picture of this size."""
        rows, columns = (
            ((np.arange(count) + 0.5) * length / count).astype(int)
            for count, length in ((height, self.grid.height), (width, self.grid.width))
        )
        small = np.zeros((height, width), np.int64)
        for top in range(0, self.grid.height, _STRIP_PX):
            inside = (rows >= top) & (rows < top + _STRIP_PX)
            strip = self.files.labels(top, 0, min(_STRIP_PX, self.grid.height - top), self.grid.width)
            small[inside] = strip[rows[inside] - top][:, columns]
        return small

    def _not_read_picture(self) -> npt.NDArray[np.bool_] | None:
        height, width = thumbnail_size(self.grid.height, self.grid.width)
        picture = np.zeros((height, width), bool)
        x, y = width / self.grid.width, height / self.grid.height
        for box in self.damage.unread():
            picture[int(box.y * y) : int(box.bottom * y) + 1, int(box.x * x) : int(box.right * x) + 1] = True
        return picture if picture.any() else None

    def _measured(self, written: WrittenObjects | None, about: Mapping[str, Any]) -> dict[str, Any]:
        counts = count_labels(self.files.labels, self.grid.height, self.grid.width)
        sizes = PixelSizes(self.mpp, (self.slide.mpp.x, self.slide.mpp.y))
        objects = None if written is None else written.classes
        measured = class_measurements(counts, self.classes, sizes, self.tissue.mm2, objects)
        return measurements_content(measured, self.tissue.mm2, **about)


def foreground_classes(dataset_json: Mapping[str, Any], label_manager: Any) -> dict[str, int]:
    """Return class -> value in the label image; for regions, the value that regions_class_order writes."""
    names = [name for name, entry in dataset_json["labels"].items() if name != "ignore" and entry not in (0, [0])]
    if label_manager.has_regions:
        return dict(zip(names, map(int, dataset_json["regions_class_order"]), strict=True))
    return {name: int(dataset_json["labels"][name]) for name in names}
