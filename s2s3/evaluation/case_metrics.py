"""Dice, IoU and counts of one prediction against its reference."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnunetv2.errors import WrongShapeError
from nnunetv2.evaluation.label_pairs import LabelPairs, PairCounter
from nnunetv2.imageio.label_reading import open_labels, parts_of

if TYPE_CHECKING:
    from nnunetv2.imageio.base_reader_writer import BaseReaderWriter

PathLike = str | os.PathLike[str]
LabelOrRegion = int | tuple[int, ...] | list[int]


def region_or_label_to_mask(segmentation: np.ndarray, region_or_label: LabelOrRegion) -> np.ndarray:
    """Return the boolean mask of a label, or of all labels of a region."""
    if np.isscalar(region_or_label):
        return np.asarray(segmentation == region_or_label)
    mask = np.zeros(segmentation.shape, dtype=bool)
    for label in region_or_label:  # type: ignore[union-attr]
        mask |= segmentation == label
    return mask


def compute_tp_fp_fn_tn(
    mask_ref: np.ndarray, mask_pred: np.ndarray, ignore_mask: np.ndarray | None = None
) -> tuple[int, int, int, int]:
    """Count true and false positives, false and true negatives outside `ignore_mask`. All masks are boolean."""
    if ignore_mask is not None:
        counted = ~ignore_mask
        mask_ref, mask_pred = mask_ref & counted, mask_pred & counted
        total = int(np.count_nonzero(counted))
    else:
        total = mask_ref.size
    both = int(np.count_nonzero(mask_ref & mask_pred))
    predicted, reference = int(np.count_nonzero(mask_pred)), int(np.count_nonzero(mask_ref))
    return both, predicted - both, reference - both, total - predicted - reference + both


def metrics_from_counts(tp: int, fp: int, fn: int, tn: int) -> dict[str, float]:
    """Return Dice and IoU (NaN if the class is in neither image) followed by the counts."""
    absent = tp + fp + fn == 0
    return {
        "Dice": np.nan if absent else 2 * tp / (2 * tp + fp + fn),
        "IoU": np.nan if absent else tp / (tp + fp + fn),
        "FP": fp,
        "TP": tp,
        "FN": fn,
        "TN": tn,
        "n_pred": fp + tp,
        "n_ref": fn + tp,
    }


def compute_metrics(
    reference_file: PathLike,
    prediction_file: PathLike,
    image_reader_writer: "BaseReaderWriter",
    labels_or_regions: list[LabelOrRegion],
    ignore_label: int | None = None,
) -> dict[str, Any]:
    """Return `reference_file`, `prediction_file` and `metrics` (label or region tuple -> metrics) of one case.

    Voxels with the ignore label in the reference are not counted. Raises WrongShapeError if the shapes differ.
    """
    metrics, _ = score_files(reference_file, prediction_file, image_reader_writer, labels_or_regions, ignore_label)
    return metrics


def score_files(
    reference_file: PathLike,
    prediction_file: PathLike,
    image_reader_writer: "BaseReaderWriter",
    labels_or_regions: Sequence[LabelOrRegion],
    ignore_label: int | None = None,
) -> tuple[dict[str, Any], LabelPairs]:
    """Return what compute_metrics does, and the values that the two images hold."""
    files = (reference_file, prediction_file)
    reference, prediction = (open_labels(image_reader_writer, os.fspath(file)) for file in files)
    if reference.shape != prediction.shape:
        raise WrongShapeError(
            f"{prediction_file} has shape {prediction.shape[1:]}, its reference {reference_file} {reference.shape[1:]}"
        )
    counter = PairCounter()
    for parts in zip(parts_of(reference), parts_of(prediction), strict=True):
        counter.add(*parts)
    pairs = counter.pairs()
    metrics = {
        tuple(entry) if isinstance(entry, list) else entry: metrics_from_counts(*counts_of(pairs, entry, ignore_label))
        for entry in labels_or_regions
    }
    return {"reference_file": reference_file, "prediction_file": prediction_file, "metrics": metrics}, pairs


def counts_of(
    pairs: LabelPairs, region_or_label: LabelOrRegion, ignore_label: int | None = None
) -> tuple[int, int, int, int]:
    """Count the true and false positives, false and true negatives of a label or region as compute_tp_fp_fn_tn does."""
    in_reference, in_prediction = (
        region_or_label_to_mask(values, region_or_label) for values in (pairs.reference, pairs.prediction)
    )
    counted = pairs.reference != ignore_label if ignore_label is not None else True
    kinds = (
        in_reference & in_prediction,
        ~in_reference & in_prediction,
        in_reference & ~in_prediction,
        ~in_reference & ~in_prediction,
    )
    true_positive, false_positive, false_negative, true_negative = (
        int(pairs.voxels[kind & counted].sum()) for kind in kinds
    )
    return true_positive, false_positive, false_negative, true_negative
