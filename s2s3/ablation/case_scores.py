"""The scores of one test image: overlap, boundaries, false positives, calibration."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nnunetv2.boundary.boundary_metrics import boundary_agreement
from nnunetv2.domains.domain_metrics import mean_without_nan
from nnunetv2.evaluation.case_metrics import (
    LabelOrRegion,
    compute_tp_fp_fn_tn,
    metrics_from_counts,
    region_or_label_to_mask,
)

TOLERANCE_PX = 2.0
"""Distance up to which a predicted boundary counts as right."""
CALIBRATION_BINS = 15
"""Bins of equal width of the confidence, as in Guo et al., ICML 2017."""

Labels = npt.NDArray[np.integer[Any]]
Probabilities = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class CaseScores:
    """Means over the foreground classes or regions that prediction or reference contain; NaN if there are none."""

    dice: float
    boundary_f1: float
    surface_dice: float
    foreground_share: float
    """Share of the judged pixels that are foreground in the reference."""
    false_positive_share: float
    """Share of the judged pixels that are wrongly foreground."""
    calibration: list[list[float]]
    """For each bin of confidence: number of pixels, sum of confidences, number of right ones."""

    def to_dict(self) -> dict[str, Any]:
        """Return all scores as plain values, NaN as None."""
        return {key: None if isinstance(v, float) and math.isnan(v) else v for key, v in asdict(self).items()}


def score_case(
    prediction: Labels,
    probabilities: Probabilities,
    reference: Labels,
    classes: Sequence[LabelOrRegion],
    ignore_label: int | None = None,
) -> CaseScores:
    """Compare a predicted label image with its reference, both of shape (x, y, z).

    Parameters:
        probabilities: (K, x, y, z); of all labels, or of each region (then K is the number of regions).
        classes: foreground labels or regions.
        ignore_label: value of reference pixels that are not judged.
    """
    ignored = None if ignore_label is None else reference == ignore_label
    judged = np.ones(reference.shape, bool) if ignored is None else ~ignored
    pairs = [[region_or_label_to_mask(labels, entry) for labels in (prediction, reference)] for entry in classes]
    agreements = [boundary_agreement(found, true, TOLERANCE_PX, ignored) for found, true in pairs]
    dice = [metrics_from_counts(*compute_tp_fp_fn_tn(true, found, ignored))["Dice"] for found, true in pairs]
    foreground = [np.any([pair[side] for pair in pairs], axis=0) & judged for side in (0, 1)]
    return CaseScores(
        dice=mean_without_nan(dice),
        boundary_f1=mean_without_nan([agreement.boundary_f1 for agreement in agreements]),
        surface_dice=mean_without_nan([agreement.surface_dice for agreement in agreements]),
        foreground_share=_share(foreground[1], judged),
        false_positive_share=_share(foreground[0] & ~foreground[1], judged),
        calibration=_calibration(probabilities, reference, pairs, judged),
    )


def calibration_error(calibration: npt.ArrayLike) -> float:
    """Return the expected calibration error of bins (CALIBRATION_BINS, 3) of pixels, confidences and right ones.

    Several images are pooled by adding their bins. NaN without any pixel.
    """
    pixels, confidence, right = np.asarray(calibration, dtype=np.float64).T
    return float(np.abs(confidence - right).sum() / pixels.sum()) if pixels.sum() else math.nan


def _calibration(
    probabilities: Probabilities, reference: Labels, pairs: Sequence[Sequence[npt.NDArray[np.bool_]]], judged: Any
) -> list[list[float]]:
    if len(probabilities) == len(pairs):  # regions; labels have the background, too
        confidence = np.concatenate([np.maximum(p, 1 - p)[judged] for p in probabilities])
        right = np.concatenate([((p > 0.5) == true)[judged] for p, (_, true) in zip(probabilities, pairs, strict=True)])
    else:
        confidence = probabilities.max(axis=0)[judged]
        right = (probabilities.argmax(axis=0) == reference)[judged]
    index = np.minimum((confidence * CALIBRATION_BINS).astype(np.intp), CALIBRATION_BINS - 1)
    sums = [np.bincount(index, weights=weights, minlength=CALIBRATION_BINS) for weights in (None, confidence, right)]
    return np.stack(sums, axis=1).astype(float).round(3).tolist()


def _share(mask: npt.NDArray[np.bool_], judged: npt.NDArray[np.bool_]) -> float:
    pixels = np.count_nonzero(judged)
    return float(np.count_nonzero(mask) / pixels) if pixels else math.nan
