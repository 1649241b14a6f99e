"""The annotation of a slide as label images of its tiles."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nnunetv2.errors import AnnotationError
from nnunetv2.pathology.annotations.annotation_set import Annotation, AnnotationSet, Area
from nnunetv2.pathology.annotations.mask_pyramid import MaskPyramid
from nnunetv2.pathology.annotations.rasterise import DrawnAreas, Scale
from nnunetv2.pathology.dataset.annotation_files import class_word, is_mask, read_areas
from nnunetv2.pathology.dataset.class_labels import NO_ANNOTATION, ClassLabels, unknown_class_problems
from nnunetv2.pathology.dataset.tiling_settings import BACKGROUND, TilingSettings
from nnunetv2.pathology.slides.geometry import Box, ViewGrid
from nnunetv2.pathology.slides.slide import Slide
from s1.problem_lists import raise_together

Labels = NDArray[np.int32]
_UNKNOWN = -2
_VALUES = 65536
_STRIP_PX = 1024


class SlideLabels(Protocol):
    """The labels of a slide, window by window."""

    warnings: Sequence[str]
    regions: Sequence[Area]
    """In which everything is annotated, in content pixels; none of a mask."""

    def draw(self, box: Box) -> Labels:
        """Return the labels (height, width) of a box of the view; NO_ANNOTATION where the annotation says nothing."""

    def picture(self, height: int, width: int) -> Labels:
        """Return the labels of the whole slide as a small picture."""


class AreaLabels:
    """Labels from areas; where several lie over each other, the class drawn last counts.

    Parameters:
        only_regions: whether areas outside of regions say nothing, since other pixels there may be of any class: labels
            of one class alone would teach that it is everywhere.
    """

    def __init__(
        self, found: AnnotationSet, slide: Slide, classes: ClassLabels, grid: ViewGrid, only_regions: bool = False
    ):
        drawn = [entry for entry in found.annotations if classes.label_of(entry.class_name) is not None]
        drawn.sort(key=lambda entry: classes.rank(entry.class_name))
        names = classes.regions(found.class_names)
        self.warnings: Sequence[str] = [*found.warnings, *_doubts(found.annotations, slide, classes)]
        self.regions: Sequence[Area] = [entry.area for entry in drawn if entry.class_name in names]
        self._areas = [entry.area for entry in drawn]
        self._values = [classes.label_of(entry.class_name) or 0 for entry in drawn]
        self._size = slide.size
        self._only_regions = only_regions
        self._of_view = self._drawn((grid.scale_x, grid.scale_y))

    def draw(self, box: Box) -> Labels:
        """Return the labels of a box of the view."""
        return self._window(self._of_view, box)

    def picture(self, height: int, width: int) -> Labels:
        """Return the labels of the whole slide as a small picture."""
        small = self._drawn((self._size[0] / width, self._size[1] / height))
        return self._window(small, Box(0, 0, width, height))

    def _drawn(self, scale: Scale) -> tuple[DrawnAreas, DrawnAreas]:
        """Return the labels and the regions at a scale."""
        inside = DrawnAreas(self.regions, [1] * len(self.regions), scale)
        return DrawnAreas(self._areas, self._values, scale), inside

    def _window(self, drawn: tuple[DrawnAreas, DrawnAreas], box: Box) -> Labels:
        labels: Labels = drawn[0].draw(box.y, box.x, box.height, box.width, NO_ANNOTATION, np.int32)
        if self._only_regions:
            labels[drawn[1].draw(box.y, box.x, box.height, box.width) == 0] = NO_ANNOTATION
        return labels


class MaskLabels:
    """Labels from the values of a mask."""

    def __init__(self, mask: MaskPyramid, path: Path, slide: Slide, classes: ClassLabels, grid: ViewGrid):
        self.warnings: Sequence[str] = ()
        self.regions: Sequence[Area] = ()
        self._mask, self._path, self._classes, self._size = mask, path, classes, slide.size
        self._scale = grid.scale_x, grid.scale_y
        self._label_of_value = np.full(_VALUES, _UNKNOWN, np.int32)

    def draw(self, box: Box) -> Labels:
        """Return the labels of a box of the view. Raises AnnotationError for values that are no labels."""
        return self._labels(self._mask.draw(box.y, box.x, box.height, box.width, self._scale, np.uint16))

    def picture(self, height: int, width: int) -> Labels:
        """Return the labels of the whole slide as a small picture; the mask is read in strips."""
        scale = self._size[0] / width, self._size[1] / height
        rows = max(1, int(_STRIP_PX / scale[1]))
        tops = range(0, height, rows)
        strips = [self._mask.draw(top, 0, min(rows, height - top), width, scale, np.uint16) for top in tops]
        return self._labels(np.concatenate(strips))

    def _labels(self, values: NDArray[np.uint16]) -> Labels:
        present = np.unique(values)
        for value in present[self._label_of_value[present] == _UNKNOWN].tolist():
            self._label_of_value[value] = self._label(value)
        labels: Labels = self._label_of_value[values]
        return labels

    def _label(self, value: int) -> int:
        label = self._classes.of_value(value)
        if label is None:
            known = ", ".join(f"{name}={number}" for name, number in self._classes.values.items())
            raise AnnotationError(
                f"{self._path}: has the value {value}, expected one of {known}; --map {value}=NAME gives it a class"
            )
        return label


@contextmanager
def slide_labels(
    path: Path, slide: Slide, grid: ViewGrid, classes: ClassLabels, settings: TilingSettings
) -> Iterator[SlideLabels]:
    """Yield the labels of a slide from the file that annotates it.

    Raises AnnotationError, one line for each class without a label, or for a file that cannot be used.
    """
    if is_mask(path):
        with MaskPyramid(path, slide.size) as mask:
            yield MaskLabels(mask, path, slide, classes, grid)
        return
    found = read_areas(path, settings, slide.origin)
    problems = unknown_class_problems(str(path), class_word(path), found.class_names, classes)
    raise_together(AnnotationError, "classes without a label", problems)
    only_regions = classes.roi is not None and settings.outside != BACKGROUND
    yield AreaLabels(found, slide, classes, grid, only_regions)


def _doubts(annotations: Sequence[Annotation], slide: Slide, classes: ClassLabels) -> Iterator[str]:
    """Yield a line for areas beside the slide, and for missing regions."""
    width, height = slide.size
    bounds = np.array([entry.area.bounds for entry in annotations]).reshape(-1, 4)
    beside = (bounds[:, 0] >= width) | (bounds[:, 1] >= height) | (bounds[:, 2] <= 0) | (bounds[:, 3] <= 0)
    if beside.any():
        yield (
            f"annotations outside of the slide ({width} x {height} px): {beside.sum()} of {len(annotations)}; does the"
            " file belong to this slide, and is --frame right?"
        )
    if classes.roi is not None and not classes.regions(entry.class_name for entry in annotations):
        yield f"no region of class {classes.roi}, in which everything would be annotated"
