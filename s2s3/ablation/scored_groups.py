"""The scores of a candidate by part and domain, as arrays."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

LITTLE_FOREGROUND = 0.05
"""Images with a smaller share of foreground are shown in a row of their own."""
SCORES = ("dice", "boundary_f1", "surface_dice", "false_positive_share", "foreground_share")


@dataclass(frozen=True)
class Group:
    """The test cases of one domain in one part, each judged once per seed."""

    part: str
    domain: str
    cases: tuple[str, ...]
    scores: Mapping[str, FloatArray]
    """Name of the score -> (seeds, cases), NaN where a case has none."""
    calibration: FloatArray
    """(seeds, cases, bins, 3): pixels, confidences, right ones."""

    @property
    def shape(self) -> tuple[int, int]:
        """Number of seeds and of cases."""
        return self.calibration.shape[0], self.calibration.shape[1]


def group_scores(
    results: Mapping[tuple[str, int], Mapping[str, Any]], domain_of: Callable[[str], str], which: str
) -> list[Group]:
    """Return the test cases of a candidate by part and domain.

    Parameters:
        results: (part, seed) -> content of a result file; every part has the same seeds.
        which: `seen` or `unseen`.
    """
    seeds = sorted({seed for _, seed in results})
    groups = []
    for part in dict.fromkeys(part for part, _ in results):
        by_seed = [{s["case"]: s for s in results[part, seed]["scores"] if s["set"] == which} for seed in seeds]
        domains: dict[str, list[str]] = {}
        for case in by_seed[0]:
            domains.setdefault(domain_of(case), []).append(case)
        groups += [_group(part, domain, cases, by_seed) for domain, cases in domains.items()]
    return groups


def _group(part: str, domain: str, cases: Sequence[str], by_seed: Sequence[Mapping[str, Any]]) -> Group:
    scores = {name: np.array([[_number(s[case][name]) for case in cases] for s in by_seed]) for name in SCORES}
    calibration = np.array([[s[case]["calibration"] for case in cases] for s in by_seed], dtype=float)
    return Group(part, domain, tuple(cases), scores, calibration)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def with_little_foreground(groups: Sequence[Group]) -> list[Group]:
    """Return the groups with only their cases of little foreground; groups without any are left out."""
    kept = []
    for group in groups:
        chosen = np.flatnonzero(group.scores["foreground_share"][0] < LITTLE_FOREGROUND)
        if chosen.size:
            scores = {name: values[:, chosen] for name, values in group.scores.items()}
            cases = tuple(group.cases[index] for index in chosen)
            kept.append(Group(group.part, group.domain, cases, scores, group.calibration[:, chosen]))
    return kept
