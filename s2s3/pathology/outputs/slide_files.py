"""Writes what people open of a slide, from its labels: objects for QuPath, overlay, numbers."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnunetv2.errors import SlideError
from nnunetv2.file_kinds.slide_files import MEASUREMENTS_NAME, OBJECTS_NAME, OVERLAY_NAME
from nnunetv2.foundation.freed_memory import return_kept_memory
from nnunetv2.pathology.annotations.geojson_writer import ClassObjects, GeoJsonSettings, WrittenObjects, write_objects
from nnunetv2.pathology.outputs.dicom_codes import class_codes
from nnunetv2.pathology.outputs.dicom_seg import require_dicom, require_dicom_levels, write_dicom_seg
from nnunetv2.pathology.outputs.dicom_source import is_dicom_slide
from nnunetv2.pathology.outputs.export_settings import DICOM, GEOJSON, OVERLAY, ZARR, ExportSettings
from nnunetv2.pathology.outputs.labelled_slide import LabelledSlide
from nnunetv2.pathology.outputs.measurements import (
    PixelSizes,
    class_measurements,
    count_labels,
    measurements_content,
    with_objects_of,
)
from nnunetv2.pathology.outputs.ome_zarr import require_zarr, write_ome_zarr
from nnunetv2.pathology.outputs.overlay import overlay_picture, thumbnail_size, write_picture
from nnunetv2.pathology.slides.watched_reader import within
from s1.files import write_json
from s1.problem_lists import raise_together

LABELS_NAME, TISSUE_NAME = "labels.ome.tif", "tissue.geojson"


def write_slide_files(
    slide: LabelledSlide,
    settings: ExportSettings,
    folder: Path,
    thumbnail: npt.NDArray[np.uint8] | None,
    earlier: Mapping[str, Any] | None = None,
    **about: Any,
) -> dict[str, Any]:
    """Write what the settings ask for, and measurements.json; return the content of that.

    Parameters:
        thumbnail: colours of the slide, needed for the overlay.
        earlier: measurements of the same labels, whose numbers of objects stay if outlines are not drawn now.
        about: further entries of measurements.json.
    """
    written = None
    if GEOJSON in settings.save:
        written = _write_objects(slide, settings, folder / OBJECTS_NAME)
    if OVERLAY in settings.save and thumbnail is not None:
        _write_overlay(slide, settings, thumbnail, folder / OVERLAY_NAME)
    if ZARR in settings.save:
        write_ome_zarr(slide, folder)
    if DICOM in settings.save:
        write_dicom_seg(slide, settings, folder)
    content = _measured(slide, settings, written, about)
    if written is None and earlier is not None:
        content = with_objects_of(content, earlier)
    write_json(content, folder / MEASUREMENTS_NAME)
    return content


def require_packages(settings: ExportSettings) -> None:
    """Raise SettingsError if an output needs a package that is not installed."""
    if ZARR in settings.save:
        require_zarr()
    if DICOM in settings.save:
        require_dicom()


def require_inputs(
    settings: ExportSettings, classes: Mapping[str, int], slides: Sequence[str], timeout_s: float | None = None
) -> None:
    """Raise an error now that an output would meet once slides are predicted.

    Parameters:
        classes: foreground class -> label.
        slides: paths of all slides.
        timeout_s: how long looking at the files of one may take; None: any time.

    Raises HangingReadError if it takes longer.
    """
    if DICOM in settings.save:
        class_codes(settings.dicom_codes, classes)
        looks = {path: f"{path}: looking at its files" for path in slides}
        others = [path for path in slides if not within(timeout_s, looks[path], partial(is_dicom_slide, path))]
        raise_together(SlideError, "slides", [f"{path}: --save dicom is for DICOM slides only" for path in others])


def require_source(settings: ExportSettings, slide: str, timeout_s: float | None = None) -> None:
    """Raise SlideError if a slide lacks what an output refers to; to be asked before it is predicted.

    Parameters:
        slide: its path.
        timeout_s: how long looking at its files may take; None: any time.

    Raises HangingReadError if it takes longer.
    """
    if DICOM in settings.save:
        within(timeout_s, f"{slide}: looking at its files", lambda: require_dicom_levels(slide, settings))


def _write_objects(slide: LabelledSlide, settings: ExportSettings, target: Path) -> WrittenObjects:
    metadata = {"model": slide.model, "mpp": f"{sum(slide.slide_mpp) / 2:.6g}"}
    as_what = GeoJsonSettings(settings.objects, settings.max_objects)
    written = write_objects(slide.objects(settings), target, f"{slide.name} {slide.identity}", metadata, as_what)
    return_kept_memory()
    return written


def _write_overlay(
    slide: LabelledSlide, settings: ExportSettings, thumbnail: npt.NDArray[np.uint8], target: Path
) -> None:
    size = thumbnail_size(slide.height, slide.width)
    labels, not_read = _small_labels(slide, *size), _not_read_picture(slide, *size)
    write_picture(overlay_picture(thumbnail, labels, settings.shown(slide.classes), not_read), target)
    return_kept_memory()


def _small_labels(slide: LabelledSlide, height: int, width: int) -> npt.NDArray[Any]:
    """Return the labels in the middle of each pixel of a picture of this size."""
    rows, columns = (
        ((np.arange(count) + 0.5) * length / count).astype(int)
        for count, length in ((height, slide.height), (width, slide.width))
    )
    small = np.zeros((height, width), np.uint16)
    for place, labels in slide.labels_at(rows, columns):
        small[place] = labels
    return small


def _not_read_picture(slide: LabelledSlide, height: int, width: int) -> npt.NDArray[np.bool_] | None:
    picture = np.zeros((height, width), bool)
    x, y = width / slide.width, height / slide.height
    for box in slide.unread:
        picture[int(box.y * y) : int(box.bottom * y) + 1, int(box.x * x) : int(box.right * x) + 1] = True
    return picture if picture.any() else None


def _measured(
    slide: LabelledSlide, settings: ExportSettings, written: WrittenObjects | None, about: dict[str, Any]
) -> dict[str, Any]:
    counts = count_labels(slide.read_labels, slide.height, slide.width)
    objects = None if written is None else _drawn_objects(written, settings.shown(slide.classes))
    left_out = {"objects_left_out": written.left_out} if written is not None and written.left_out else {}
    sizes = PixelSizes(slide.mpp, slide.slide_mpp)
    measured = class_measurements(counts, slide.classes, sizes, slide.tissue_mm2, objects)
    return measurements_content(measured, slide.tissue_mm2, settings.ratios, **left_out, **about)


def _drawn_objects(written: WrittenObjects, shown: Iterable[str]) -> dict[str, ClassObjects]:
    """Return the objects of each class whose outlines were drawn, of those without any, too."""
    return {name: written.classes.get(name, ClassObjects()) for name in shown}
