"""Makes the files of predicted slides anew from their label images: other classes, other outlines, other formats."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnunetv2.errors import MissingFileError, SlideError
from nnunetv2.file_kinds.slide_files import (
    FINISHED_SLIDE_STATE,
    LABELS_DESCRIPTION,
    MEASUREMENTS_NAME,
    SLIDE_MEASUREMENTS,
    SLIDE_STATE,
    STATE_NAME,
    THUMBNAIL_NAME,
    WITH_OUTPUTS,
)
from nnunetv2.foundation.files import raise_problems, read_json
from nnunetv2.pathology.annotations.label_tiff import LabelPyramid
from nnunetv2.pathology.outputs.export_settings import OVERLAY, ExportSettings
from nnunetv2.pathology.outputs.labelled_slide import LabelledSlide
from nnunetv2.pathology.outputs.probability_map import ProbabilityMap, opened_map
from nnunetv2.pathology.outputs.slide_files import LABELS_NAME, write_slide_files
from nnunetv2.pathology.slides.geometry import Box
from nnunetv2.pathology.slides.thumbnail import LARGEST_PX

_MEASURED_AGAIN = ("tissue_mm2", "classes", "ratios", "objects_left_out")


def export_slide(folder: Path, settings: ExportSettings, slide_path: str | None = None) -> dict[str, Any]:
    """Write the files that the settings ask for into the folder of a predicted slide; return its measurements.

    They are, byte for byte, what the prediction writes with the same settings; DICOM has the time in it. Numbers of
    objects stay as they are unless outlines are drawn anew.

    Parameters:
        slide_path: of the slide, which a DICOM segmentation refers to; what state.json says is not followed.

    Raises MissingFileError without labels.ome.tif (or thumbnail.png, for the overlay), SlideError for a slide that is
    not done, ArgumentError for unknown classes, AnnotationError or InvalidValueError for damaged files.
    """
    found = read_json(folder / STATE_NAME, SLIDE_STATE)
    if found["state"] not in WITH_OUTPUTS:
        raise SlideError(f"{folder}: its state is {found['state']!r}, only slides that are done have labels to export")
    state = read_json(folder / STATE_NAME, FINISHED_SLIDE_STATE)
    file = folder / LABELS_NAME
    if not file.is_file():
        raise MissingFileError(f"{file}: not found. Predict the slide with --save labels")
    about = read_json(folder / MEASUREMENTS_NAME, SLIDE_MEASUREMENTS)
    more = {name: value for name, value in about.items() if name not in _MEASURED_AGAIN}
    with LabelPyramid(file) as labels, opened_map(folder) as probabilities:
        slide = replace(_labelled(state, labels, probabilities), path=slide_path)
        settings.require_classes(list(slide.classes))
        thumbnail = _thumbnail(folder / THUMBNAIL_NAME) if OVERLAY in settings.save else None
        return write_slide_files(slide, settings, folder, thumbnail, about, **more)


def exportable_folders(given: Sequence[Path]) -> list[Path]:
    """Return the folders of slides: those given, and those in given output folders, each once.

    Raises MissingFileError for a folder that is neither.
    """
    return list(dict.fromkeys(folder for place in given for folder in _folders_of(place)))


def _folders_of(place: Path) -> Iterator[Path]:
    if (place / STATE_NAME).is_file():
        yield place
        return
    found = sorted(file.parent for file in place.glob(f"*/{STATE_NAME}") if not file.parent.is_symlink())
    if not found:
        raise MissingFileError(f"{place}: no predicted slide ({STATE_NAME} in it, or in folders in it)")
    yield from found


def _labelled(state: Mapping[str, Any], labels: LabelPyramid, probabilities: ProbabilityMap | None) -> LabelledSlide:
    """Return a slide from what its files say."""
    raise_problems(LABELS_DESCRIPTION.schema.problems(labels.description), labels.path, LABELS_DESCRIPTION)
    view, (height, width) = state["view"], labels.sizes[0]
    if (height, width) != (view["height"], view["width"]):
        sizes = f"{width} x {height} pixels, {STATE_NAME} says {view['width']} x {view['height']}"
        raise SlideError(f"{labels.path}: {sizes}; is it of another prediction?")
    if probabilities is not None:
        probabilities.require_size_of(height, width)
    return LabelledSlide(
        state["slide"],
        labels.description["model"],
        state["model"]["hash"],
        {name: label for name, label in labels.description["labels"].items() if label},
        labels.read,
        height,
        width,
        (view["downsample"] * view["factor"][0], view["downsample"] * view["factor"][1]),
        (view["mpp"][0], view["mpp"][1]),
        (state["mpp"][0], state["mpp"][1]),
        [Box(*box).within(width, height) for box in state["read"]["unread"]],
        state["tissue"]["mm2"],
        probabilities,
        origin=tuple(state.get("origin", (0.0, 0.0))),
    )


def _thumbnail(file: Path) -> npt.NDArray[np.uint8]:
    from PIL import Image

    if not file.is_file():
        raise MissingFileError(f"{file}: not found. Predict the slide with --save labels overlay")
    try:
        with Image.open(file, formats=["PNG"]) as picture:
            if max(picture.size) > LARGEST_PX:
                raise SlideError(f"{file}: {picture.size} pixels, expected at most {LARGEST_PX} on each side")
            return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise SlideError(f"{file}: damaged ({error}). Predict the slide again") from None
