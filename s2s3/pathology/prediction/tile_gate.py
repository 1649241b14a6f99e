"""Which tiles of a slide are predicted, and where predictions count: on tissue and a margin around it."""

import hashlib
from dataclasses import dataclass

import numpy as np

from nnunetv2.pathology.outputs.band_layout import Span
from nnunetv2.pathology.prediction.slide_settings import AUTO, SlideSettings
from nnunetv2.pathology.slides.geometry import Box, ViewGrid
from nnunetv2.pathology.slides.reader_process import IN_THIS_PROCESS, Reading
from nnunetv2.pathology.slides.slide import Slide
from nnunetv2.pathology.tissue.slide_tissue import TissueMask
from nnunetv2.pathology.tissue.tissue_mask import Mask, TissueSettings
from nnunetv2.pathology.tissue.tissue_sources import NONE, tissue_of


@dataclass(frozen=True)
class TileGate:
    """Tissue with its margin, seen from a view of the slide."""

    tissue: TissueMask
    grid: ViewGrid

    def touches(self, box: Box) -> bool:
        """Tell whether a box of the view contains a part of it."""
        return self.tissue.touches(box, self.grid)

    def inside(self, rows: Span, columns: Span) -> Mask:
        """Return it at the resolution of the view, bool (rows, columns)."""
        box = Box(columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0])
        return self.tissue.of_view(box, self.grid)

    def digest(self) -> str:
        """Return a hash of the mask."""
        mask = self.tissue.mask
        return hashlib.sha256(np.packbits(mask).tobytes() + repr(mask.shape).encode()).hexdigest()


def find_gate(
    slide: Slide,
    grid: ViewGrid,
    settings: SlideSettings,
    reading: Reading = IN_THIS_PROCESS,
    predicted: TissueMask | None = None,
) -> tuple[TileGate | None, TissueMask]:
    """Return where predictions are wanted, None for everywhere, and the tissue without the margin.

    What cannot be read may be tissue: it is looked at again with the tiles, and counts as damage if that fails, too.

    Parameters:
        predicted: tissue that a model has found; None: it is found by its colours.

    Raises AnnotationError for files of tissue or regions that are missing, damaged or of another slide.
    """
    choice = predicted if settings.tissue == AUTO else settings.tissue
    tissue = tissue_of(slide, choice, settings.roi, TissueSettings(settings.stain), reading, settings.frame)
    if settings.tissue == NONE and settings.roi is None:
        return None, tissue
    return TileGate(tissue.with_unread().with_margin(settings.margin_um), grid), tissue
