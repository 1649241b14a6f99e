"""How a view of a slide is opened, in any process."""

from dataclasses import dataclass

from nnunetv2.pathology.slides.colour_profile import NONE
from nnunetv2.pathology.slides.reader_choice import AUTO
from nnunetv2.pathology.slides.slide import Slide


@dataclass(frozen=True)
class SlideSource:
    """How to open a view in any process."""

    path: str
    mpp: float | None
    """Micrometres per view pixel; None for the finest level."""
    reader: str = AUTO
    slide_mpp: float | None = None
    """Micrometres per pixel of the finest level, instead of what the file states."""
    allow_upsampling: bool = False
    icc: str = NONE
    """What becomes of the colours: `none`, or `srgb` by the profile in the file."""


def small_source(slide: Slide, mpp: float, reader: str = AUTO) -> SlideSource:
    """Return how to open a small view of an open slide, with the pixel size that its user gave, if any."""
    by_user = slide.mpp.mean if slide.mpp.source == "user" else None
    return SlideSource(slide.path, mpp, reader, by_user, allow_upsampling=True, icc=slide.colours.icc)
