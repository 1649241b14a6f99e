"""The micrometres per pixel of a slide, from the user or from the file; never from the objective's magnification."""

from collections.abc import Iterator, Mapping
from math import isfinite

from nnunetv2.errors import MissingPixelSizeError, SlideError
from nnunetv2.pathology.slides.geometry import PixelSize
from nnunetv2.pathology.slides.slide_reader import PathLike

SMALLEST_UM, LARGEST_UM = 0.05, 20.0
"""Plausible sizes; 352.8 comes from 72 dots per inch, which is no statement about a slide."""
EQUAL = 0.01
MOST_UNEQUAL = 0.2
CLEARLY_DIFFERENT = 0.05
USER = "user"
_UM_PER_UNIT = {"nm": 1e-3, "µm": 1.0, "μm": 1.0, "um": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6}
_UM_PER_RESOLUTION_UNIT = {"inch": 25_400.0, "centimeter": 10_000.0}


def is_plausible(size_um: float) -> bool:
    """Return whether a number can be the micrometres per pixel of a slide."""
    return isfinite(size_um) and SMALLEST_UM <= size_um <= LARGEST_UM


def stated_pixel_size(properties: Mapping[str, str]) -> PixelSize | None:
    """Return the first plausible statement among the properties of a file, None without any.

    OME's physical sizes come first, as OpenSlide makes entries of the resolution tags of such files; then vendors'
    entries, then resolution tags that have a unit.
    """
    for source, x, y in _statements(properties):
        if is_plausible(x) and is_plausible(y):
            return PixelSize(x, y, source)
    return None


def slide_pixel_size(
    path: PathLike, properties: Mapping[str, str], by_user: float | None = None
) -> tuple[PixelSize | None, list[str]]:
    """Return the pixel size of a slide, None if nobody states it, and one line for each doubt.

    Axes that differ by at most 1 % get their mean. Raises SlideError if they differ by more than 20 %, or if
    `by_user`, micrometres per pixel, is not plausible.
    """
    stated = stated_pixel_size(properties)
    if by_user is not None:
        return _size_by_user(path, by_user, stated)
    if stated is None:
        return None, []
    difference = abs(stated.x - stated.y) / stated.x
    if difference > MOST_UNEQUAL:
        raise SlideError(
            f"{path}: pixels of {stated.x:g} x {stated.y:g} um, expected (nearly) square ones; pass --slide_mpp"
        )
    if difference <= EQUAL:
        return PixelSize(stated.mean, stated.mean, stated.source), []
    return stated, [
        f"pixels of {stated.x:g} x {stated.y:g} um are not square; each axis is resampled by its own factor"
    ]


def missing_pixel_size(path: PathLike) -> MissingPixelSizeError:
    """Return the error for a slide of unknown pixel size."""
    return MissingPixelSizeError(
        f"{path}: the file does not state its pixel size. Pass --slide_mpp 0.25 (micrometres per pixel) or a table"
        " --mpp_of FILE with the columns slide,mpp"
    )


def _size_by_user(path: PathLike, size_um: float, stated: PixelSize | None) -> tuple[PixelSize, list[str]]:
    if not is_plausible(size_um):
        raise SlideError(
            f"{path}: a pixel size of {size_um:g} um, expected {SMALLEST_UM:g} to {LARGEST_UM:g} micrometres per pixel"
        )
    doubts = []
    if stated is not None and abs(stated.mean - size_um) / size_um > CLEARLY_DIFFERENT:
        doubts.append(f"the file states a pixel size of {stated.mean:g} um, {size_um:g} um was given and is used")
    return PixelSize(size_um, size_um, USER), doubts


def _statements(properties: Mapping[str, str]) -> Iterator[tuple[str, float, float]]:
    """Yield (source, x, y), in micrometres; what is missing or no number is NaN."""
    sizes = [
        _number(properties, f"ome.PhysicalSize{axis}")
        * _UM_PER_UNIT.get(properties.get(f"ome.PhysicalSize{axis}Unit", "µm"), float("nan"))
        for axis in "XY"
    ]
    yield "ome.PhysicalSize", sizes[0], sizes[1]
    yield "openslide.mpp", _number(properties, "openslide.mpp-x"), _number(properties, "openslide.mpp-y")
    yield "aperio.MPP", _number(properties, "aperio.MPP"), _number(properties, "aperio.MPP")
    unit = _UM_PER_RESOLUTION_UNIT.get(properties.get("tiff.ResolutionUnit", ""), float("nan"))
    across, down = (_number(properties, f"tiff.{axis}Resolution") or float("nan") for axis in "XY")
    yield "tiff.Resolution", unit / across, unit / down


def _number(properties: Mapping[str, str], key: str) -> float:
    try:
        return float(properties.get(key, "nan"))
    except ValueError:
        return float("nan")
