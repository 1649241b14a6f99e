"""From the finished bands of a slide to its files: label pyramid, tissue, thumbnail, and what is made from labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnunetv2.file_kinds.slide_files import THUMBNAIL_NAME
from nnunetv2.foundation.freed_memory import return_kept_memory
from nnunetv2.pathology.annotations.geojson_writer import GeoJsonSettings, write_objects
from nnunetv2.pathology.annotations.outline_cleanup import OutlineSettings, cleaned
from nnunetv2.pathology.annotations.qupath_objects import SlideObject
from nnunetv2.pathology.outputs.bands import BandFiles
from nnunetv2.pathology.outputs.export_settings import OVERLAY
from nnunetv2.pathology.outputs.label_pyramid import PyramidDescription, write_label_pyramid
from nnunetv2.pathology.outputs.labelled_slide import GREY, LabelledSlide
from nnunetv2.pathology.outputs.no_bands import NoBands
from nnunetv2.pathology.outputs.overlay import write_picture
from nnunetv2.pathology.outputs.probability_map import (
    PROBABILITIES_NAME,
    ProbabilityGrid,
    ProbabilityMap,
    opened_map,
    write_probability_map,
)
from nnunetv2.pathology.outputs.slide_files import LABELS_NAME, TISSUE_NAME, write_slide_files
from nnunetv2.pathology.outputs.written_files import remove_outputs
from nnunetv2.pathology.prediction.slide_damage import SlideDamage
from nnunetv2.pathology.prediction.slide_settings import PAGES, SlideSettings
from nnunetv2.pathology.slides.geometry import ViewGrid
from nnunetv2.pathology.slides.reader_process import IN_THIS_PROCESS, Reading
from nnunetv2.pathology.slides.slide import Slide
from nnunetv2.pathology.slides.thumbnail import readable_thumbnail
from nnunetv2.pathology.tissue.slide_tissue import TissueMask


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
    files: BandFiles | NoBands
    damage: SlideDamage
    tissue: TissueMask
    settings: SlideSettings
    probabilities: ProbabilityGrid | None = None
    reading: Reading = IN_THIS_PROCESS

    def write(self, folder: Path, **about: Any) -> dict[str, Any]:
        """Write what the settings ask for, and measurements.json; return the content of that.

        Outputs of an earlier run are removed first, also those that are not asked for now.

        Parameters:
            about: further entries of measurements.json.
        """
        remove_outputs(folder)
        if "labels" in self.settings.save:
            self._write_pyramid(folder / LABELS_NAME)
        if self.probabilities is not None:
            self._write_probabilities(self.probabilities, folder / PROBABILITIES_NAME)
        thumbnail = readable_thumbnail(self.slide, self.reading) if OVERLAY in self.settings.save else None
        if thumbnail is not None:
            write_picture(thumbnail, folder / THUMBNAIL_NAME)
        self._write_tissue(folder / TISSUE_NAME)
        return_kept_memory()
        with opened_map(folder) as probabilities:
            slide = self._labelled(probabilities)
            return write_slide_files(slide, self.settings.export, folder, thumbnail, **about)

    def _labelled(self, probabilities: ProbabilityMap | None) -> LabelledSlide:
        return LabelledSlide(
            self.name,
            self.model,
            self.identity,
            self.classes,
            self.files.labels,
            self.grid.height,
            self.grid.width,
            (self.grid.scale_x, self.grid.scale_y),
            self.mpp,
            (self.slide.mpp.x, self.slide.mpp.y),
            list(self.damage.unread()),
            self.tissue.mm2,
            probabilities,
            self.slide.path,
            self.slide.origin,
        )

    def _write_pyramid(self, target: Path) -> None:
        labels = {"background": 0, **self.classes}
        description = PyramidDescription(self.name, labels, self.model, self.mpp)
        size = (self.grid.height, self.grid.width)
        as_pages = self.settings.pyramid == PAGES
        write_label_pyramid(self.files.labels, *size, self.files.label_dtype, description, target, as_pages=as_pages)

    def _write_probabilities(self, grid: ProbabilityGrid, target: Path) -> None:
        mpp = (self.mpp[0] * grid.factor, self.mpp[1] * grid.factor)
        read, size = self.files.probabilities, self.files.map_size
        write_probability_map(read, size, mpp, grid, self.name, self.model, target)

    def _write_tissue(self, target: Path) -> None:
        """Write the tissue as an annotation that can be edited in QuPath and given to --tissue."""
        origin = self.slide.origin if self.settings.frame == "file" else (0.0, 0.0)
        whole = OutlineSettings(0.0, 0.0, origin=origin)
        shapes = (cleaned(polygon, whole) for polygon in self.tissue.polygons())
        objects = (SlideObject(shape, "Tissue", GREY) for shape in shapes if shape is not None)
        write_objects(objects, target, f"{self.name} tissue", settings=GeoJsonSettings("annotation"))
