"""Which library opens a slide, by the content of the file and not by its ending."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from nnunetv2.errors import DriftError, SettingsError, SlideError, UnreadableSlideError
from nnunetv2.pathology.slides.present_levels import with_present_levels
from nnunetv2.pathology.slides.slide_reader import WANTED, PathLike, SlideReader
from nnunetv2.pathology.slides.tiff_directory import TiffDirectory, read_tiff_directory
from s1.listed_files import list_files
from s1.readable_files import hindrance

AUTO = "auto"
READERS = ("openslide", "tifffile", "wsidicom", "pillow")
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"BM")
_OWN_JPEG = (".mrxs",)
"""Formats whose main file is a small JPEG."""
_PLAUSIBLE_BITS = {(8, 8, 8), (8, 8, 8, 8)}
_KINDS = {0: "grey", 1: "grey", 3: "indexed"}


def open_reader(path: PathLike, reader: str = AUTO) -> tuple[SlideReader, list[str]]:
    """Return the opened slide and one line for each thing that is wrong with its file."""
    if reader not in (AUTO, *READERS):
        raise SettingsError(f"unknown reader {reader!r}, expected one of {', '.join((AUTO, *READERS))}")
    path = _main_file(path)
    try:
        directory = read_tiff_directory(path)
        _refuse_other_pixels(path, directory)
        names = _suitable(path, directory) if reader == AUTO else [reader]
        opened = _first_that_opens(path, names, directory)
    except OSError as error:
        raise UnreadableSlideError(f"{path}: cannot be read ({error.strerror or error})") from None
    if reader == AUTO and directory is not None and _shows_a_part(opened, directory):
        opened = _showing_more(path, opened)
    return opened, _doubts(opened, directory)


def _refuse_other_pixels(path: PathLike, directory: TiffDirectory | None) -> None:
    """Raise SlideError if a TIFF file or picture holds grey, 16-bit or other pixels than 8-bit colours."""
    if directory is None and _is_picture(path):
        from nnunetv2.pathology.slides.picture_reader import refuse_other_pictures

        refuse_other_pictures(path)
    if directory is None or directory.finest.bits in _PLAUSIBLE_BITS:
        return
    bits, photometric = directory.finest.bits, directory.finest.photometric
    raise SlideError(f"{path}: {WANTED}, got {len(bits)} x {bits[0]}-bit {_KINDS.get(photometric, 'colour')}")


def second_readers(path: PathLike, first: str) -> list[str]:
    """Return the names of the libraries to try where the first one, given by its name and version, fails.

    None for a stack of planes, of which each library reads another one.
    """
    path = _main_file(path)
    directory = read_tiff_directory(path)
    if directory is not None and directory.planes > 1:
        return []
    return [name for name in _suitable(path, directory) if not first.startswith(name) and name != "pillow"]


def _main_file(path: PathLike) -> Path:
    """Return the file to open: of a folder, the first DICOM file. Raises UnreadableSlideError."""
    given = Path(path)
    if given.is_dir():
        from nnunetv2.pathology.slides.dicom_reader import is_dicom

        found = next((given / name for name in list_files(given).names if is_dicom(given / name)), None)
        if found is None:
            raise UnreadableSlideError(f"{path}: is a folder without DICOM files, expected a slide")
        return found
    problem = hindrance(given)
    if problem:
        raise UnreadableSlideError(f"{path}: {problem}")
    return given


def _suitable(path: PathLike, directory: TiffDirectory | None) -> list[str]:
    from nnunetv2.pathology.slides.dicom_reader import is_dicom

    if directory is not None:
        return ["openslide", "tifffile"]
    if is_dicom(path):
        return ["openslide", "wsidicom"]
    return ["openslide", "pillow"] if _is_picture(path) else ["openslide"]


def _is_picture(path: PathLike) -> bool:
    with open(path, "rb") as stream:
        starts_as_one = stream.read(4).startswith(_PICTURES)
    return starts_as_one and not os.fspath(path).lower().endswith(_OWN_JPEG)


def _constructor(name: str) -> Callable[[PathLike], SlideReader]:
    if name == "openslide":
        from nnunetv2.pathology.slides.openslide_reader import OpenSlideReader

        return OpenSlideReader
    if name == "tifffile":
        from nnunetv2.pathology.slides.tiff_reader import TiffReader

        return TiffReader
    if name == "wsidicom":
        from nnunetv2.pathology.slides.dicom_reader import DicomReader

        return DicomReader
    from nnunetv2.pathology.slides.picture_reader import PictureReader

    return PictureReader


def opening(name: str, path: PathLike) -> SlideReader:
    """Return the slide opened with one library. Raises DriftError with that library's reason."""
    directory = read_tiff_directory(_main_file(path))
    return with_present_levels(_constructor(name)(path), directory)


def _first_that_opens(path: PathLike, names: Sequence[str], directory: TiffDirectory | None) -> SlideReader:
    reasons = []
    for name in names:
        try:
            return opening(name, path)
        except DriftError as error:
            reasons.append(str(error).removeprefix(f"{path}: "))
    said = "; ".join(reasons)
    cut_off = directory.cut_off() if directory else None
    if cut_off:
        raise UnreadableSlideError(f"{path}: {cut_off} ({said})")
    raise UnreadableSlideError(f"{path}: cannot be opened as a slide ({os.path.getsize(path)} bytes): {said}")


def _shows_a_part(opened: SlideReader, directory: TiffDirectory) -> bool:
    """Tell whether OpenSlide leaves out a pyramid in SubIFDs, or all planes of a stack but the first."""
    hides_levels = len(opened.levels) == 1 and directory.images[0].has_smaller_copies
    return opened.name.startswith("openslide") and (hides_levels or _first_plane_only(opened, directory))


def _first_plane_only(opened: SlideReader, directory: TiffDirectory) -> bool:
    return opened.properties.get("openslide.vendor") == "generic-tiff" and directory.planes > 1


def _showing_more(path: PathLike, opened: SlideReader) -> SlideReader:
    """Return the reader that sees more levels, or all planes, if tifffile does; it warns about planes."""
    try:
        other = opening("tifffile", path)
    except SlideError:
        return opened
    better, worse = (other, opened) if other.warnings or len(other.levels) > len(opened.levels) else (opened, other)
    worse.close()
    return better


def _doubts(opened: SlideReader, directory: TiffDirectory | None) -> list[str]:
    if directory is None:
        return []
    cut_off, finest = directory.cut_off(), directory.finest
    doubts = [cut_off] if cut_off else []
    if _first_plane_only(opened, directory):
        doubts.append(f"{directory.planes} planes, of which the first one is read")
    if finest.missing:
        lacking = f"{finest.missing} of {len(finest.lengths)} tiles of level 0 are missing"
        doubts.append(f"{lacking}; where this level is used, they are white")
    return doubts
