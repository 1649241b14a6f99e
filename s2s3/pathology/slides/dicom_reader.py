"""DICOM slides that OpenSlide refuses, through wsidicom (pip install nnunetv2[dicom])."""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from nnunetv2.errors import SlideError
from nnunetv2.pathology.slides.dicom_header import MAGIC, PREAMBLE, series_in_header
from nnunetv2.pathology.slides.geometry import Box, Level, make_level
from nnunetv2.pathology.slides.slide_reader import WANTED, PathLike, Pixels, Valid, reason


def is_dicom(path: PathLike) -> bool:
    """Return whether a file is a DICOM file by its first bytes."""
    with open(path, "rb") as stream:
        return stream.read(PREAMBLE + len(MAGIC))[PREAMBLE:] == MAGIC


class DicomReader:
    """One series of DICOM files, given by one of them or by their folder."""

    def __init__(self, path: PathLike):
        if find_spec("wsidicom") is None:
            raise SlideError("a second reader of DICOM slides is not installed: pip install nnunetv2[dicom]")
        import wsidicom

        self.name = f"wsidicom {wsidicom.__version__}"
        try:
            files = files_of_series(path)
            self._file = files[0]
            self._slide: Any = wsidicom.WsiDicom.open(files)
            self._levels = list(self._slide.pyramid)
            sizes = [(level.size.width, level.size.height) for level in self._levels]
            self.properties: Mapping[str, str] = _properties(self._slide)
        except Exception as error:  # whatever a damaged file makes wsidicom raise
            raise reason("wsidicom", error) from None
        self.levels: tuple[Level, ...] = tuple(make_level(index, size, sizes[0]) for index, size in enumerate(sizes))
        self.origin = (0, 0)
        self.warnings: tuple[str, ...] = ()

    def read(self, level: int, box: Box) -> tuple[Pixels, Valid]:
        """Return pixels of a box; wsidicom paints missing tiles white and does not tell, so all are valid."""
        corner, size = (box.x, box.y), (box.width, box.height)
        try:
            region = self._slide.read_region(corner, self._levels[level].level, size)
        except Exception as error:  # whatever damaged data makes a codec raise
            raise reason("wsidicom", error) from None
        if region.mode != "RGB":
            raise SlideError(f"{WANTED}, got {region.mode}")
        return np.array(region), np.ones((box.height, box.width), bool)

    def icc_profile(self) -> bytes | None:
        """Return the ICC profile of the first optical path."""
        import pydicom

        try:
            header = pydicom.dcmread(self._file, stop_before_pixels=True, specific_tags=["OpticalPathSequence"])
            paths: Any = header.get("OpticalPathSequence") or [{}]
            profile = paths[0].get("ICCProfile")
        except Exception as error:  # whatever a damaged file makes pydicom raise
            raise reason("pydicom", error) from None
        return bytes(profile) if profile else None

    def close(self) -> None:
        """Close the files."""
        self._slide.close()


def series_of(path: PathLike) -> str | None:
    """Return the SeriesInstanceUID of a DICOM file; None if no library that can tell is installed, or none can."""
    if (known := series_in_header(path)) is not None or find_spec("pydicom") is None:
        return known
    import pydicom

    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SeriesInstanceUID"])
        return str(header.SeriesInstanceUID)
    except Exception:  # whatever a damaged file makes pydicom raise; whoever opens the slide says so
        return None


def files_of_series(path: PathLike) -> list[Path]:
    """Return the files of the series of a file, or of the first series of a folder."""
    given = Path(path)
    folder = given if given.is_dir() else given.parent
    files = sorted(file for file in folder.iterdir() if file.is_file() and is_dicom(file))
    wanted = series_of(given if not given.is_dir() else files[0]) if files else None
    return [file for file in files if series_of(file) == wanted] or [Path(os.fspath(path))]


def _properties(slide: Any) -> dict[str, str]:
    equipment = slide.metadata.equipment
    return {
        "openslide.vendor": "dicom",
        "openslide.mpp-x": repr(float(slide.mpp.width)),
        "openslide.mpp-y": repr(float(slide.mpp.height)),
        "dicom.Manufacturer": str(equipment.manufacturer or ""),
        "dicom.ManufacturerModelName": str(equipment.model_name or ""),
        "dicom.DeviceSerialNumber": str(equipment.device_serial_number or ""),
    }
