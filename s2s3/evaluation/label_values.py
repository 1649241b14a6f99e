"""Values in label images that are not labels, as 255 in masks of 0 and 255, which would be scored as wrong."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnunetv2.errors import DatasetError
from nnunetv2.evaluation.case_metrics import LabelOrRegion, compute_metrics, score_files

if TYPE_CHECKING:
    from nnunetv2.imageio.base_reader_writer import BaseReaderWriter

_MOST_VALUES = 10
_WHITE = 255


@dataclass(frozen=True)
class LabelFile:
    """Which values a label image holds."""

    file: str
    has_labels: bool
    """Whether a label other than background is among them."""
    others: tuple[float, ...]
    """Values that are neither labels nor background; of very many, the largest."""


class WatchingReader:
    """Reads label images as another reader does, and notes their values."""

    def __init__(self, reader: "BaseReaderWriter", labels: Collection[int]):
        self._reader, self._labels = reader, labels
        self.seen: list[LabelFile] = []

    def read_seg(self, seg_fname: str) -> tuple[np.ndarray, dict[str, Any]]:
        """Read a label map as the other reader does."""
        segmentation, properties = self._reader.read_seg(seg_fname)
        self.seen.append(_values_of(seg_fname, np.unique(segmentation), self._labels))
        return segmentation, properties

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_reader"], name)


def _values_of(file: str, values: np.ndarray, labels: Collection[int]) -> LabelFile:
    left, has_labels = values != 0, False
    for label in labels:
        if label != 0:
            is_label = values == label
            has_labels |= bool(is_label.any())
            left &= ~is_label
    others = np.unique(values[left])[-_MOST_VALUES:] if left.any() else ()
    return LabelFile(file, has_labels, tuple(float(value) for value in others))


def score_case(
    compute: Callable[..., dict[str, Any]],
    reference_file: str,
    prediction_file: str,
    reader: "BaseReaderWriter",
    labels_or_regions: Sequence[LabelOrRegion],
    ignore_label: int | None,
    labels: Collection[int],
) -> tuple[dict[str, Any], list[LabelFile]]:
    """Return what `compute` gives for a case, and what its reference and its prediction hold.

    Parameters:
        labels: the values that count as labels.
    """
    if compute is compute_metrics:
        metrics, pairs = score_files(reference_file, prediction_file, reader, labels_or_regions, ignore_label)
        held = ((reference_file, pairs.reference), (prediction_file, pairs.prediction))
        return metrics, [_values_of(file, np.unique(values), labels) for file, values in held]
    watching = WatchingReader(reader, labels)
    metrics = compute(reference_file, prediction_file, watching, list(labels_or_regions), ignore_label)
    return metrics, watching.seen


def evaluated_labels(labels_or_regions: Sequence[LabelOrRegion], ignore_label: int | None) -> set[int]:
    """Return all labels of some regions or labels, and the ignore label."""
    labels = {int(label) for entry in labels_or_regions for label in np.atleast_1d(entry)}
    return labels | (set() if ignore_label is None else {ignore_label})


def refuse_other_values(files: Sequence[LabelFile], labels: Collection[int], all_known: bool) -> None:
    """Raise DatasetError for files whose values cannot be meant.

    Parameters:
        labels: that may occur besides background.
        all_known: whether these are all labels of the dataset, so that no file may hold another value. If only some
            labels are evaluated, others are no mistake, but 255 instead of them is.
    """
    wrong = [file for file in files if (file.others if all_known else _is_white_instead(file))]
    expected = _listed(sorted({0, *labels}))
    problems = [f"{file.file}: found {_listed(file.others)}, expected {expected}" for file in wrong]
    hint = "; convert these values, or name them as labels or as the label to ignore"
    if len(problems) == 1:
        raise DatasetError(problems[0] + hint)
    if problems:
        raise DatasetError(f"{len(problems)} label images hold values that are not labels{hint}:", problems)


def _is_white_instead(file: LabelFile) -> bool:
    return not file.has_labels and _WHITE in file.others


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
