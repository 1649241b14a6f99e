"""A whole slide as a small picture, whatever is damaged."""

from nnunetv2.pathology.slides.reader_process import IN_THIS_PROCESS, Reading
from nnunetv2.pathology.slides.slide import Slide
from nnunetv2.pathology.slides.slide_reader import Pixels
from nnunetv2.pathology.slides.slide_source import small_source

LARGEST_PX = 2048


def readable_thumbnail(slide: Slide, reading: Reading = IN_THIS_PROCESS) -> Pixels:
    """Return a whole slide, at most 2048 pixels wide and high; what cannot be read is white."""
    mpp = max(slide.mpp.mean, slide.mpp.mean * max(slide.size) / LARGEST_PX)
    source = small_source(slide, mpp, slide.reader.name.split()[0])
    return reading.whole(source, slide.view(mpp, allow_upsampling=True))[0]
