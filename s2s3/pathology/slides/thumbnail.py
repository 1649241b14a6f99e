"""A whole slide as a small picture, whatever is damaged."""

from nnunetv2.pathology.slides.rescue import RescuingView, small_source
from nnunetv2.pathology.slides.slide import Slide
from nnunetv2.pathology.slides.slide_reader import Pixels

LARGEST_PX = 2048


def readable_thumbnail(slide: Slide) -> Pixels:
    """Return a whole slide, at most 2048 pixels wide and high; what cannot be read is white."""
    mpp = max(slide.mpp.mean, slide.mpp.mean * max(slide.size) / LARGEST_PX)
    with RescuingView(small_source(slide, mpp, slide.reader.name.split()[0])) as reader:
        return reader.read_all()[0]
