"""Colours of a slide as its scanner means them: from the ICC profile in the file to sRGB, pixel by pixel.

By default nothing is converted, as training tiles and viewers are not, either. Whoever converts has to do so for the
training and for the slides.
"""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnunetv2.errors import SettingsError, SlideError
from nnunetv2.pathology.slides.slide_reader import Pixels, SlideReader, Valid
from s1.claimed_size import in_bytes

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsProfile

NONE, SRGB = "none", "srgb"
ICC = (NONE, SRGB)
"""What `--icc` asks for."""
LARGEST_PROFILE_BYTES = 2**24
"""Profiles of scanners have up to some megabytes."""
_RGB = "RGB "
_ROWS_AT_ONCE = 512
_NO_PROFILE = "the file has no colour profile; its colours are taken for sRGB"


@dataclass(frozen=True, eq=False)
class Colours:
    """What becomes of the colours of a slide.

    Parameters:
        icc: what was asked for, one of `ICC`.
        transform: of littlecms; None leaves the colours as they are.
    """

    icc: str = NONE
    transform: Any = None

    def converted(self, pixels: Pixels, valid: Valid) -> Pixels:
        """Return the pixels (h, w, 3); those that the scanner did not take stay as they are."""
        if self.transform is None:
            return pixels
        converted = np.empty_like(pixels)
        for first in range(0, len(pixels), _ROWS_AT_ONCE):
            rows = slice(first, first + _ROWS_AT_ONCE)
            converted[rows] = _applied(self.transform, pixels[rows])
        if not valid.all():
            converted[~valid] = pixels[~valid]
        return converted


UNCHANGED = Colours()


def colours_of(reader: SlideReader, icc: str) -> tuple[Colours, list[str]]:
    """Return what becomes of the colours of an open slide, and a line if it does not state which it has.

    Raises SettingsError for another wish than those of `ICC`, SlideError for a profile that cannot be used.
    """
    if icc not in ICC:
        raise SettingsError(f"icc is {icc!r}, expected one of {', '.join(ICC)}")
    if icc == NONE:
        return UNCHANGED, []
    profile = reader.icc_profile()
    if profile is None:
        return Colours(icc), [_NO_PROFILE]
    return Colours(icc, _transform(_opened(profile))), []


def profile_name(profile: bytes | None) -> str:
    """Return what a profile calls itself, for people; an empty text without a profile.

    Raises SlideError for a profile that cannot be used.
    """
    return "" if profile is None else " ".join(str(_opened(profile).profile.profile_description or "unnamed").split())


def _opened(profile: bytes) -> "ImageCmsProfile":
    from PIL import ImageCms

    if len(profile) > LARGEST_PROFILE_BYTES:
        limit = in_bytes(LARGEST_PROFILE_BYTES)
        raise _unusable(f"it has {in_bytes(len(profile))}, expected {limit} at most")
    try:
        opened = ImageCms.getOpenProfile(io.BytesIO(profile))
        space = opened.profile.xcolor_space
    except Exception as error:  # whatever a damaged profile makes littlecms raise
        raise _unusable(str(error)) from None
    if space != _RGB:
        raise _unusable(f"it is for {space.strip()} instead of RGB")
    return opened


def _transform(profile: "ImageCmsProfile") -> Any:
    from PIL import ImageCms

    try:
        intent = ImageCms.Intent(ImageCms.getDefaultIntent(profile))
        return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), "RGB", "RGB", intent)
    except Exception as error:  # whatever a damaged profile makes littlecms raise
        raise _unusable(str(error)) from None


def _applied(transform: Any, pixels: Pixels) -> Pixels:
    from PIL import Image, ImageCms

    return np.asarray(ImageCms.applyTransform(Image.fromarray(pixels), transform))


def _unusable(why: str) -> SlideError:
    reason = " ".join(why.split()) or "damaged"
    return SlideError(f"its colour profile cannot be used ({reason}); --icc none takes its colours as they are")
