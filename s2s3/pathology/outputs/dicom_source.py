"""The images of a DICOM slide that a segmentation may refer to, read without their pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnunetv2.errors import SlideError, UnreadableSlideError
from nnunetv2.pathology.slides.dicom_reader import files_of_series, is_dicom
from nnunetv2.pathology.slides.geometry import make_level
from s1.readable_files import hindrance

BYTES_PER_PIXEL = 4
"""That making a segmentation takes: labels, tiles and what is encoded."""
_WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
_NEEDED = (
    *("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "ImageOrientationSlide", "Rows", "Columns"),
    *("TotalPixelMatrixColumns", "TotalPixelMatrixRows", "TotalPixelMatrixOriginSequence"),
    "SharedFunctionalGroupsSequence",
)
_SIZES = ("Rows", "Columns", "TotalPixelMatrixColumns", "TotalPixelMatrixRows")
_MAY_BE_EMPTY = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate"),
    *("StudyTime", "ReferringPhysicianName"),
)
_KIND = 2
"""Position of VOLUME, LABEL, OVERVIEW or THUMBNAIL in ImageType."""


@dataclass(frozen=True, eq=False)
class SourceLevel:
    """One level of a DICOM slide: a single file with all of its tiles.

    Parameters:
        number: 0 for the finest.
        downsample: pixels of the finest level along the edge of one pixel.
        header: pydicom Dataset without pixels.
    """

    number: int
    width: int
    height: int
    downsample: float
    header: Any


def is_dicom_slide(path: str) -> bool:
    """Tell whether a slide is a DICOM file or a folder of such, or cannot be read, which whoever opens it says."""
    given = Path(path)
    try:
        files = list(given.iterdir()) if given.is_dir() else [given]
        return any(is_dicom(file) for file in sorted(files) if not file.is_dir())
    except OSError:
        return True


def source_levels(path: str) -> list[SourceLevel]:
    """Return the levels of a DICOM slide, finest first.

    Parameters:
        path: one of its files, or their folder.

    Raises UnreadableSlideError for a file that is missing or damaged, SlideError for other images than slides.
    """
    problem = None if Path(path).is_dir() else hindrance(Path(path))
    if problem:
        raise UnreadableSlideError(f"{path}: {problem}")
    headers = [header for file in _files(path) if _is_level(header := _header(file))]
    if not headers:
        raise SlideError(f"{path}: no levels of a DICOM slide, which a DICOM segmentation has to refer to")
    for header in headers:
        _require_attributes(header)
    headers.sort(key=lambda header: -int(header.TotalPixelMatrixColumns))
    levels = [_level(number, header, headers[0]) for number, header in enumerate(headers)]
    if len({(level.width, level.height) for level in levels}) != len(levels):
        raise SlideError(f"{path}: a level in several files (focal planes, optical paths or parts), expected one each")
    return levels


def finest_within(levels: Sequence[SourceLevel], memory_bytes: float, path: str) -> SourceLevel:
    """Return the finest level whose segmentation fits into the memory. Raises SlideError if none does."""
    fitting = [level for level in levels if level.width * level.height * BYTES_PER_PIXEL <= memory_bytes]
    if not fitting:
        needed = levels[-1].width * levels[-1].height * BYTES_PER_PIXEL / 1e9
        raise SlideError(f"{path}: its coarsest level needs {needed:.2g} GB for a DICOM segmentation; raise --memory")
    return fitting[0]


def _require_attributes(header: Any) -> None:
    """Raise SlideError for a header without what a segmentation refers to; what may be empty is so where it is gone."""
    missing = [name for name in _NEEDED if header.get(name) in (None, "", [])]
    if missing:
        raise SlideError(f"{header.filename}: lacks {', '.join(missing)}, which a DICOM segmentation has to refer to")
    for name in _SIZES:
        if not isinstance(header.get(name), int):
            raise SlideError(f"{header.filename}: its {name} is {header.get(name)!r}, expected a whole number")
    for name in _MAY_BE_EMPTY:
        if name not in header:
            setattr(header, name, "")


def _level(number: int, header: Any, finest: Any) -> SourceLevel:
    sizes = [(int(image.TotalPixelMatrixColumns), int(image.TotalPixelMatrixRows)) for image in (header, finest)]
    if min(min(size) for size in sizes) < 1:
        raise SlideError(f"{header.filename}: its image has no pixels ({sizes[0][0]} x {sizes[0][1]})")
    return SourceLevel(number, *sizes[0], make_level(number, *sizes).downsample, header)


def _files(path: str) -> list[Path]:
    try:
        return files_of_series(path)
    except OSError as error:
        raise UnreadableSlideError(f"{path}: cannot be read ({error.strerror or error})") from None


def _header(file: Path) -> Any:
    import pydicom

    try:
        return pydicom.dcmread(file, stop_before_pixels=True)
    except Exception as error:  # whatever a damaged file makes pydicom raise
        raise UnreadableSlideError(f"{file}: cannot be read as DICOM ({error})") from None


def _is_level(header: Any) -> bool:
    kinds = list(header.get("ImageType", ()))
    is_slide = header.get("SOPClassUID") == _WHOLE_SLIDE and "TotalPixelMatrixColumns" in header
    return is_slide and len(kinds) > _KIND and kinds[_KIND] == "VOLUME"
