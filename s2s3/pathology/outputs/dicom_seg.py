"""The labels of a DICOM slide as a DICOM segmentation, which refers to one level of that slide."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnunetv2.errors import DriftError, SettingsError, SlideError
from nnunetv2.pathology.outputs.dicom_codes import ClassCodes, class_codes
from nnunetv2.pathology.outputs.dicom_source import SourceLevel, finest_within, source_levels
from nnunetv2.pathology.outputs.export_settings import ExportSettings
from nnunetv2.pathology.outputs.labelled_slide import LabelledSlide
from s1.files import replacing

DICOM_NAME = "labels_seg.dcm"
_PACKAGES = ("highdicom", "pydicom", "pylibjpeg", "openjpeg")
_BYTES_PER_GB = 1e9
_LONGEST_TEXT = 64
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Form:
    """How labels are stored: type, order of tiles, transfer syntax, and whether tiles without labels are left out."""

    kind: str
    organisation: str
    syntax: str
    omits_empty: bool


_FORMS = {
    "binary": _Form("BINARY", "TILED_SPARSE", "1.2.840.10008.1.2.1", True),
    "labelmap": _Form("LABELMAP", "TILED_SPARSE", "1.2.840.10008.1.2.5", True),
    "labelmap_jpeg2000": _Form("LABELMAP", "TILED_FULL", "1.2.840.10008.1.2.4.90", False),
}
"""Plain values; run-length encoding; JPEG 2000 without loss."""


def require_dicom() -> None:
    """Raise SettingsError if the packages are not installed."""
    if any(find_spec(name) is None for name in _PACKAGES):
        raise SettingsError("DICOM segmentations need highdicom and pylibjpeg: pip install nnunetv2[dicom]")


def require_dicom_levels(slide: str, settings: ExportSettings) -> None:
    """Raise SlideError unless a slide has a level that a segmentation can refer to and for which the memory suffices.

    Parameters:
        slide: its path.
    """
    finest_within(source_levels(slide), settings.memory_gb * _BYTES_PER_GB, slide)


def write_dicom_seg(slide: LabelledSlide, settings: ExportSettings, folder: Path) -> None:
    """Write labels_seg.dcm: the classes to show, at the finest level of the slide for which the memory suffices.

    Raises SlideError if the slide is no DICOM slide, or is another one than the labels are of.
    """
    if slide.path is None:
        raise SlideError(f"{slide.name}: its DICOM files are not known, which a DICOM segmentation has to refer to")
    levels = source_levels(slide.path)
    level = finest_within(levels, settings.memory_gb * _BYTES_PER_GB, slide.path)
    _require_same_size(slide, levels[0])
    shown = settings.shown(slide.classes)
    codes, uncoded = class_codes(settings.dicom_codes, slide.classes)
    without = [name for name in uncoded if name in shown]
    if without:
        _log.warning("%s: classes without codes of their own (--dicom_codes): %s", slide.name, ", ".join(without))
    form = _FORMS[settings.dicom_type]
    numbers = _segment_numbers(shown, form)
    labels = _labels_at(slide, level, shown, numbers)
    try:
        segmentation = _segmentation(slide, level, labels, numbers, codes, form)
        with replacing(folder / DICOM_NAME) as temporary:
            segmentation.save_as(temporary)
    except (MemoryError, OSError, DriftError):
        raise
    except Exception as error:  # whatever odd attributes make highdicom raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise SlideError(
            f"{slide.path}: its DICOM attributes do not suffice for a DICOM segmentation ({reason})"
        ) from error
    _log.info("%s: %s is of level %d, %d x %d pixels", slide.name, DICOM_NAME, level.number, level.width, level.height)


def _require_same_size(slide: LabelledSlide, finest: SourceLevel) -> None:
    width, height = (length * scale for length, scale in zip((slide.width, slide.height), slide.scale, strict=True))
    if abs(width - finest.width) > 2 * slide.scale[0] or abs(height - finest.height) > 2 * slide.scale[1]:
        raise SlideError(
            f"{slide.path}: {finest.width} x {finest.height} pixels, the labels are of a slide with about"
            f" {width:.0f} x {height:.0f}; is it another one?"
        )


def _segment_numbers(shown: Mapping[str, int], form: _Form) -> dict[str, int]:
    """Return class -> number of its segment: its label, or 1, 2, ... where labels leave gaps that are not allowed."""
    ordered = sorted(shown.items(), key=lambda item: item[1])
    if form.kind == "LABELMAP":
        return dict(ordered)
    return {name: number for number, (name, _) in enumerate(ordered, 1)}


def _labels_at(
    slide: LabelledSlide, level: SourceLevel, shown: Mapping[str, int], numbers: Mapping[str, int]
) -> npt.NDArray[Any]:
    """Return the segment numbers (h, w) of a level: those of the labels at the centres of its pixels."""
    of_label = np.zeros(2**16, np.uint8 if max(numbers.values()) < 2**8 else np.uint16)
    for name, label in shown.items():
        of_label[label] = numbers[name]
    rows = _nearest(level.height, level.downsample / slide.scale[1], slide.height)
    columns = _nearest(level.width, level.downsample / slide.scale[0], slide.width)
    found = np.empty((level.height, level.width), of_label.dtype)
    for place, labels in slide.labels_at(rows, columns):
        found[place] = of_label[labels]
    return found


def _nearest(count: int, step: float, length: int) -> npt.NDArray[np.intp]:
    """Return which of `length` label pixels lies at the centre of each of `count` pixels, `step` label pixels wide."""
    return np.minimum((np.arange(count) + 0.5) * step, length - 1).astype(np.intp)


def _segmentation(
    slide: LabelledSlide,
    level: SourceLevel,
    labels: npt.NDArray[Any],
    numbers: Mapping[str, int],
    codes: Mapping[str, ClassCodes],
    form: _Form,
) -> Any:
    import highdicom

    return highdicom.seg.Segmentation(
        source_images=[level.header],
        pixel_array=labels[None],
        segmentation_type=form.kind,
        segment_descriptions=[_description(slide, name, number, codes[name]) for name, number in numbers.items()],
        series_instance_uid=highdicom.UID(),
        series_number=1,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="DRIFT",
        manufacturer_model_name="nnunetv2",
        software_versions=version("nnunetv2"),
        device_serial_number=_text(slide.identity),
        content_description=_text(f"Labels by {slide.model}"),
        transfer_syntax_uid=form.syntax,
        dimension_organization_type=form.organisation,
        tile_pixel_array=True,
        omit_empty_frames=form.omits_empty and bool(labels.any()),
    )


def _description(slide: LabelledSlide, name: str, number: int, codes: ClassCodes) -> Any:
    import highdicom
    from pydicom.sr.codedict import codes as terms
    from pydicom.sr.coding import Code

    category, kind = (Code(value, scheme, meaning) for value, scheme, meaning in codes)
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name=_text(slide.model), version=version("nnunetv2"), family=terms.DCM.ArtificialIntelligence
    )
    return highdicom.seg.SegmentDescription(number, _text(name), category, kind, "AUTOMATIC", algorithm)


def _text(text: str) -> str:
    """Return a text as DICOM takes it: short, and without the separator of values."""
    return text.replace("\\", "/")[:_LONGEST_TEXT]
