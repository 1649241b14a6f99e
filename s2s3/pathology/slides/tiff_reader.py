"""Slides in TIFF files by tifffile: pyramids in SubIFDs, flat images, and what OpenSlide refuses."""

from collections.abc import Mapping, Sequence

from nnunetv2.errors import SlideError
from nnunetv2.pathology.slides.geometry import Box
from nnunetv2.pathology.slides.ome_xml import ome_properties
from nnunetv2.pathology.slides.slide_reader import WANTED, PathLike, Pixels, Valid
from nnunetv2.pathology.slides.tiff_pyramid import TiffPyramid

LARGEST_UNTILED_PX = 20_000 * 20_000
"""Larger images without tiles would be decoded in long strips again and again."""
_RGB = 3
_RGBA = 4
_UNITS = {2: "inch", 3: "centimeter"}
_COLOUR = ("RGB", "YCBCR")
_ICC_PROFILE = 34675


class TiffReader:
    """One slide through tifffile."""

    def __init__(self, path: PathLike):
        self._pyramid = TiffPyramid(path)
        try:
            _require_brightfield(self._pyramid)
        except SlideError:
            self._pyramid.close()
            raise
        self.name = self._pyramid.name
        self.levels = self._pyramid.levels
        self.origin = (0, 0)
        self.properties: Mapping[str, str] = _properties(self._pyramid)
        self.warnings: Sequence[str] = tuple(self._pyramid.warnings)

    def read(self, level: int, box: Box) -> tuple[Pixels, Valid]:
        """Return pixels and validity of a box."""
        values, valid = self._pyramid.read(level, box)
        if values.shape[2] == _RGBA:
            valid &= values[..., _RGB] >= 128
        pixels = values[..., :_RGB]
        if not valid.all():
            pixels[~valid] = 255
        return pixels, valid

    def icc_profile(self) -> bytes | None:
        """Return the ICC profile of the finest level."""
        tag = self._pyramid.pages[0].tags.get(_ICC_PROFILE)
        return tag.value if tag is not None and isinstance(tag.value, bytes) and tag.value else None

    def close(self) -> None:
        """Close the file."""
        self._pyramid.close()


def _require_brightfield(pyramid: TiffPyramid) -> None:
    for page in pyramid.pages:
        is_colour = page.samplesperpixel in (_RGB, _RGBA) and page.photometric.name in _COLOUR
        if not is_colour or page.dtype != "uint8":
            raise SlideError(f"{WANTED}, got {page.samplesperpixel} x {page.dtype} {page.photometric.name}")
    page = pyramid.pages[0]
    if not pyramid.is_tiled and page.imagewidth * page.imagelength > LARGEST_UNTILED_PX:
        raise SlideError(
            f"{page.imagewidth} x {page.imagelength} pixels without tiles, expected 20000 x 20000 at most; save it as a"
            " tiled pyramid"
        )


def _properties(pyramid: TiffPyramid) -> dict[str, str]:
    """Return what the tags and the OME metadata say, under OpenSlide's names and `ome.PhysicalSizeX` and so on."""
    page = pyramid.pages[0]
    properties = {"openslide.vendor": "tifffile"}
    unit = page.tags.get("ResolutionUnit")
    properties["tiff.ResolutionUnit"] = _UNITS.get(int(unit.value) if unit else 2, "none")
    for name in ("XResolution", "YResolution"):
        tag = page.tags.get(name)
        if tag is not None and isinstance(tag.value, tuple) and tag.value[1]:
            properties[f"tiff.{name}"] = repr(tag.value[0] / tag.value[1])
    for name in ("Make", "Model", "Software", "ImageDescription"):
        tag = page.tags.get(name)
        if tag is not None and isinstance(tag.value, str):
            properties[f"tiff.{name}"] = tag.value
    return {**properties, **_aperio_properties(properties), **ome_properties(pyramid.ome_xml)}


def _aperio_properties(properties: Mapping[str, str]) -> dict[str, str]:
    """Return the entries `|KEY = VALUE|` of the description that Aperio's scanners write."""
    description = properties.get("tiff.ImageDescription", "")
    if not description.startswith("Aperio"):
        return {}
    entries = (part.split("=", 1) for part in description.split("|")[1:] if "=" in part)
    found = {f"aperio.{key.strip()}": value.strip() for key, value in entries}
    power = {"openslide.objective-power": found["aperio.AppMag"]} if "aperio.AppMag" in found else {}
    return {**found, **power, "openslide.vendor": "aperio"}
