"""How well the colours that a model has stored tell images of an unseen domain from images of known ones."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

DISTANCE, LIMIT = "domain_distance", "domain_limit"
"""Entries of a test case in a result file; cells of trainers without domains have none."""


@dataclass(frozen=True)
class UnseenFlag:
    """Means over the trainings of a candidate."""

    auroc: float
    """Probability that an image of the unseen domain is farther from the nearest known one than a seen image is."""
    lowest_auroc: float
    seen_inside: float
    """Share of the seen images within the limit."""
    unseen_outside: float


def unseen_flag(results: Iterable[Mapping[str, Any]]) -> UnseenFlag | None:
    """Return the figures of a candidate's result files; None if no file has distances of seen and unseen images."""
    found = [_figures(result["scores"]) for result in results]
    known = np.array([figures for figures in found if figures is not None])
    if not known.size:
        return None
    auroc, inside, outside = known.mean(axis=0).tolist()
    return UnseenFlag(auroc, float(known[:, 0].min()), inside, outside)


def _figures(scores: Iterable[Mapping[str, Any]]) -> tuple[float, float, float] | None:
    from sklearn.metrics import roc_auc_score

    measured = [case for case in scores if case.get(DISTANCE) is not None and case.get(LIMIT) is not None]
    unseen = np.array([case["set"] == "unseen" for case in measured], dtype=bool)
    if not unseen.any() or unseen.all():
        return None
    distances, limits = (np.array([case[name] for case in measured], dtype=np.float64) for name in (DISTANCE, LIMIT))
    inside = distances <= limits
    return float(roc_auc_score(unseen, distances)), float(inside[~unseen].mean()), float((~inside[unseen]).mean())
