"""What the ways to normalise a slide change: one part of it, predicted once for each, and compared pixel by pixel."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from nnunetv2.errors import SlideError
from nnunetv2.pathology.outputs.band_layout import Span
from nnunetv2.pathology.prediction.slide_model import SlideModel
from nnunetv2.pathology.prediction.slide_prediction import SlidePrediction
from nnunetv2.pathology.prediction.slide_settings import SlideSettings
from nnunetv2.pathology.prediction.statistics_choice import chosen_statistics, window_px
from nnunetv2.pathology.prediction.tile_gate import TileGate, find_gate
from nnunetv2.pathology.slides.geometry import Box, ViewGrid
from nnunetv2.pathology.slides.read_record import ReadRecord
from nnunetv2.pathology.slides.reader_process import IN_THIS_PROCESS, Reading, reading_windows
from nnunetv2.pathology.slides.rescue import RescuingView
from nnunetv2.pathology.slides.slide import Slide
from nnunetv2.pathology.slides.slide_source import SlideSource
from nnunetv2.pathology.tissue.slide_tissue import TissueMask

_STEP_PX = 1024
Labels = npt.NDArray[Any]
DrawReference = Callable[[Slide, ViewGrid, Box], Labels]
"""Returns the true labels (h, w) of a box of a view, below 0 where they are not known."""


@dataclass(frozen=True, eq=False)
class ModeResult:
    """The labels (h, w) that one way to normalise gives, and the entry `normalization` of a state file about it."""

    labels: Labels
    description: dict[str, Any]


@dataclass(frozen=True, eq=False)
class NormalisationComparison:
    """The labels of one part of a slide for each way to normalise it.

    Parameters:
        box: the part, in pixels of the view, which have `mpp` micrometres, (x, y).
        counts: where pixels are compared, bool (h, w): on tissue and its margin.
        classes: foreground class -> label.
        results: mode -> labels.
        reference: the true labels, below 0 where they are not known; None without annotation.
    """

    box: Box
    mpp: tuple[float, float]
    counts: npt.NDArray[np.bool_]
    classes: Mapping[str, int]
    results: Mapping[str, ModeResult]
    reference: Labels | None = None

    def disagreements(self) -> dict[tuple[str, str], float]:
        """Return the share of compared pixels whose labels differ, 0..1, for each pair of modes."""
        found = {}
        for first, second in combinations(self.results, 2):
            differs = self.results[first].labels != self.results[second].labels
            found[first, second] = float(differs[self.counts].mean())
        return found

    def dice(self) -> dict[str, dict[str, float | None]]:
        """Return mode -> class -> Dice over the compared pixels whose label is known; None for a class in neither.

        Empty without annotation.
        """
        if self.reference is None:
            return {}
        known = self.counts & (self.reference >= 0)
        truth = self.reference[known]
        return {
            mode: {name: _dice(result.labels[known] == label, truth == label) for name, label in self.classes.items()}
            for mode, result in self.results.items()
        }


@dataclass(frozen=True)
class ComparedSlide:
    """A slide, the model, and how both are used.

    Parameters:
        name: of the slide, which decides on the windows that are sampled.
        settings: of the prediction; its normalization is replaced by each of those that are compared.
        edge_px: of the part that is predicted, in pixels of the view.
        reading: by how many processes the slide is read.
    """

    model: SlideModel
    source: SlideSource
    name: str
    settings: SlideSettings
    edge_px: int = 4096
    reading: Reading = IN_THIS_PROCESS

    def compare(self, modes: Sequence[str], draw_reference: DrawReference | None = None) -> NormalisationComparison:
        """Predict the part of the slide with most tissue once for each mode.

        Raises SlideError for a slide without tissue, UnreadableSlideError if too much of the part cannot be read.
        """
        with RescuingView(self.source, self.reading.timeout_s) as opened:
            grid, mpp = opened.view.grid, opened.view.mpp or (1.0, 1.0)
            finder = self.model.tissue
            predicted = None if finder is None else finder.find(self.source, self.reading)
            gate, tissue = find_gate(opened.slide, grid, self.settings, self.reading, predicted)
            if gate is not None and tissue.with_unread().is_empty:
                raise SlideError(f"{self.source.path}: no tissue found to compare labels on; --tissue none takes all")
            box = fullest_box(tissue, grid, self.edge_px)
            inside = TileGate(_within(tissue if gate is None else gate.tissue, box, grid), grid)
            reference = None if draw_reference is None else draw_reference(opened.slide, grid, box)
            results = {mode: self._result(mode, grid, gate, inside, box) for mode in modes}
        counts = inside.inside((box.y, box.bottom), (box.x, box.right))
        return NormalisationComparison(box, mpp, counts, self.model.classes, results, reference)

    def _result(self, mode: str, grid: ViewGrid, gate: TileGate | None, inside: TileGate, box: Box) -> ModeResult:
        is_tissue = (lambda box: True) if gate is None else gate.touches
        with reading_windows(self.source, self.reading.readers, self.reading.timeout_s) as read:
            size = grid.width, grid.height
            statistics, description = chosen_statistics(self.model, mode, size, read, is_tissue, self.name)
        prediction = SlidePrediction(
            self.model,
            self.source,
            *size,
            statistics,
            inside,
            self.settings.step_size,
            self.settings.tiles_at_once(self.model.predictor.device.type),
            self.settings.memory_gb,
            self.reading.readers,
            self.reading.timeout_s,
            window_px=window_px(self.model, mode),
        )
        return ModeResult(self._labels(prediction, box), description)

    def _labels(self, prediction: SlidePrediction, box: Box) -> Labels:
        labels = np.zeros((box.height, box.width), prediction.label_type)
        layout, read = prediction.grid.layout, ReadRecord()
        bands = _touching(layout.bands, box.y, box.bottom)
        for block in _touching(layout.blocks, box.x, box.right):
            with closing(prediction.predicted_bands(block, bands, read.add)) as predicted:
                for band in predicted:
                    _paste(prediction.labels(band), Box(band.columns[0], band.rows[0], *_size(band)), labels, box)
                    del band  # with the sums of its column block
        read.require_less_than(self.settings.max_failed, self.source.path)
        return labels


def fullest_box(tissue: TissueMask, grid: ViewGrid, edge_px: int) -> Box:
    """Return the square of a view, at most so large and no larger than the view, that shows most tissue."""
    width, height = min(edge_px, grid.width), min(edge_px, grid.height)
    boxes = [
        Box(left, top, width, height) for top in _starts(grid.height, height) for left in _starts(grid.width, width)
    ]
    return max(boxes, key=lambda box: tissue.count(box, grid))


def _starts(length: int, edge: int) -> list[int]:
    return sorted({*range(0, length - edge, _STEP_PX), length - edge})


def _within(tissue: TissueMask, box: Box, grid: ViewGrid) -> TissueMask:
    """Return the tissue inside a box alone."""
    mask = np.zeros_like(tissue.mask)
    part = tissue.part(box, grid)
    mask[part] = tissue.mask[part]
    return replace(tissue, mask=mask)


def _touching(spans: Sequence[Span], start: int, end: int) -> list[int]:
    return [number for number, span in enumerate(spans) if span[0] < end and span[1] > start]


def _size(band: Any) -> tuple[int, int]:
    return band.columns[1] - band.columns[0], band.rows[1] - band.rows[0]


def _paste(source: Labels, source_box: Box, target: Labels, target_box: Box) -> None:
    """Copy what two boxes share from the pixels of one to those of the other."""
    left, top = max(source_box.x, target_box.x), max(source_box.y, target_box.y)
    right, bottom = min(source_box.right, target_box.right), min(source_box.bottom, target_box.bottom)
    rows, columns = slice(top - target_box.y, bottom - target_box.y), slice(left - target_box.x, right - target_box.x)
    target[rows, columns] = source[
        top - source_box.y : bottom - source_box.y, left - source_box.x : right - source_box.x
    ]


def _dice(found: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> float | None:
    both = int(found.sum()) + int(truth.sum())
    return 2 * int((found & truth).sum()) / both if both else None
