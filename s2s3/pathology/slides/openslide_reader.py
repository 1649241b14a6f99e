"""Slides through OpenSlide 4, which reads most vendors' formats.

What this module absorbs: a failed read makes the handle useless; regions are RGBA, transparent black where nothing was
scanned; handles must not cross a fork; the scanned area of some formats starts at `openslide.bounds-x, -y`.
"""

import os
import platform
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from nnunetv2.errors import SettingsError
from nnunetv2.pathology.slides.geometry import Box, Level
from nnunetv2.pathology.slides.ome_xml import ome_properties
from nnunetv2.pathology.slides.slide_reader import WHITE, PathLike, Pixels, Valid, reason

_OPAQUE = 255
_HALF = 128
_ROWS_AT_ONCE = 128
_CACHE_BYTES = 1 << 23
"""Of decoded tiles: those of a block of 1024 x 1024, whose neighbour may need some; each block is read once."""


class OpenSlideReader:
    """One slide through OpenSlide; opens it anew after each error and in each process."""

    def __init__(self, path: PathLike):
        self._path = os.fspath(path)
        self._library = openslide_library()
        self._handle: Any = None
        self._open()
        handle: Any = self._handle
        self.name = f"openslide {self._library.__library_version__}"
        self.properties: Mapping[str, str] = _properties(handle)
        self.warnings: tuple[str, ...] = ()
        self._background = _background(self.properties)
        self.origin, self.levels = _content(handle)

    def read(self, level: int, box: Box) -> tuple[Pixels, Valid]:
        """Return pixels and validity of a box; regions are read at the nearest whole pixel of the finest level."""
        if self._handle is None or self._process != os.getpid():
            self._open()
        downsample = self.levels[level].downsample
        corner = tuple(start + round(at * downsample) for start, at in zip(self.origin, (box.x, box.y), strict=True))
        try:
            region = self._handle.read_region(corner, level, (box.width, box.height))
        except self._library.OpenSlideError as error:
            self.close()
            raise reason("OpenSlide", error) from None
        return composited(region, self._background)

    def icc_profile(self) -> bytes | None:
        """Return the ICC profile of the finest level; a damaged one is an error here already."""
        if self._handle is None or self._process != os.getpid():
            self._open()
        try:
            profile = self._handle.color_profile
        except Exception as error:  # OpenSlide's, or whatever a damaged profile makes littlecms raise
            self.close()
            raise reason("OpenSlide: colour profile", error) from None
        return None if profile is None else bytes(profile.tobytes())

    def close(self) -> None:
        """Close the handle; the next read opens another."""
        if self._handle is not None:
            self._handle.close()
        self._handle = None

    def _open(self) -> None:
        self._process, self._handle = os.getpid(), None
        try:
            self._handle = self._library.OpenSlide(self._path)
            self._handle.set_cache(self._library.OpenSlideCache(_CACHE_BYTES))
        except self._library.OpenSlideError as error:
            raise reason("OpenSlide", error) from None


def openslide_library() -> ModuleType:
    """Return the module openslide. Raises SettingsError that names what to install."""
    try:
        import openslide
    except (ImportError, OSError):
        raise SettingsError(
            "slides need openslide-python and openslide-bin: pip install openslide-python openslide-bin"
            f" (no wheels exist for this platform: {platform.system()} {platform.machine()})"
        ) from None
    return openslide


def _properties(handle: Any) -> dict[str, str]:
    """Return OpenSlide's properties, and the physical sizes of OME metadata, which it leaves as text."""
    properties = dict(handle.properties)
    return {**properties, **ome_properties(properties.get("tiff.ImageDescription"))}


def _content(handle: Any) -> tuple[tuple[int, int], tuple[Level, ...]]:
    """Return the origin of the scanned area and the levels cut to it; without bounds, all of the file."""
    width, height = handle.dimensions
    bounds = _bounds(handle.properties).within(width, height)
    if not bounds.width or not bounds.height:
        bounds = Box(0, 0, width, height)
    levels = []
    for index, (size, downsample) in enumerate(zip(handle.level_dimensions, handle.level_downsamples, strict=True)):
        cut = Box(0, 0, round(bounds.width / downsample), round(bounds.height / downsample)).within(*size)
        levels.append(Level(index, max(1, cut.width), max(1, cut.height), float(downsample)))
    return (bounds.x, bounds.y), tuple(levels)


def _bounds(properties: Mapping[str, str]) -> Box:
    try:
        x, y, width, height = (int(properties[f"openslide.bounds-{key}"]) for key in ("x", "y", "width", "height"))
    except (KeyError, ValueError):
        return Box(0, 0, 0, 0)
    return Box(x, y, width, height)


def _background(properties: Mapping[str, str]) -> tuple[int, int, int]:
    """Return the colour of what was not scanned; white unless the file says another."""
    text = properties.get("openslide.background-color", "")
    try:
        red, green, blue = bytes.fromhex(text)
    except ValueError:
        return WHITE
    return red, green, blue


def composited(region: Any, background: tuple[int, int, int]) -> tuple[Pixels, Valid]:
    """Return the pixels of an RGBA image and which are there; part by part, as Pillow gives a copy in pieces."""
    pixels = np.empty((region.height, region.width, 3), np.uint8)
    valid = np.empty(pixels.shape[:2], bool)
    for top in range(0, region.height, _ROWS_AT_ONCE):
        rows = slice(top, min(top + _ROWS_AT_ONCE, region.height))
        part = np.asarray(region.crop((0, rows.start, region.width, rows.stop)))
        pixels[rows], valid[rows] = _composite(part, background)
    return pixels, valid


def _composite(region: Any, background: tuple[int, int, int]) -> tuple[Pixels, Valid]:
    """Return RGB over the background, and where at least half of a pixel is there, from RGBA (h, w, 4)."""
    colours, alpha = region[..., :3], region[..., 3]
    if alpha.min() == _OPAQUE:
        return np.ascontiguousarray(colours), np.ones(alpha.shape, bool)
    share = alpha[..., None].astype(np.float32) / _OPAQUE
    mixed = colours * share + np.array(background, np.float32) * (1 - share)
    return np.rint(mixed).astype(np.uint8), alpha >= _HALF
