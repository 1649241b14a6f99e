"""Images of unseen domains told from seen ones, in the cells and in the table."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nnunetv2.ablation.cell_run import _domain_distance
from nnunetv2.ablation.unseen_flag import UnseenFlag, unseen_flag
from nnunetv2.domains.domain_statistics import DomainStatistics
from nnunetv2.pathology.stain.intensities_entry import PROPERTY, Z_SCORES, intensities_entry


def result(seen: list[Any], unseen: list[Any], limit: Any = 2.0) -> dict[str, Any]:
    distances = [("seen", value) for value in seen] + [("unseen", value) for value in unseen]
    return {"scores": [{"set": name, "domain_distance": value, "domain_limit": limit} for name, value in distances]}


def test_the_area_counts_pairs_in_the_right_order_and_ties_by_half() -> None:
    assert unseen_flag([result([1, 2, 3], [3, 4])]) == UnseenFlag(
        auroc=pytest.approx(5.5 / 6),
        lowest_auroc=pytest.approx(5.5 / 6),
        seen_inside=pytest.approx(2 / 3),
        unseen_outside=1,
    )


def test_trainings_are_averaged_and_the_worst_is_shown() -> None:
    found = unseen_flag([result([1, 1], [3, 3]), result([1, 3], [2, 2])])
    assert found == UnseenFlag(auroc=0.75, lowest_auroc=0.5, seen_inside=0.75, unseen_outside=0.5)


def test_results_without_distances_or_without_one_of_the_sets_give_no_figure() -> None:
    old = {"scores": [{"set": "seen"}, {"set": "unseen"}]}
    assert unseen_flag([]) is None
    assert unseen_flag([old, result([1], []), result([None], [None]), result([1], [2], limit=None)]) is None
    assert unseen_flag([old, result([1], [3])]) == UnseenFlag(1, 1, 1, 1)


def test_a_cell_measures_test_images_with_the_statistics_of_its_training() -> None:
    image = np.full((3, 1, 8, 8), 127.0, np.float32)
    properties = {PROPERTY: intensities_entry(image, Z_SCORES)}
    statistics = DomainStatistics(("A", "B"), np.stack([np.zeros(9), np.full(9, 9.0)]), np.diag([1.0] + [0.0] * 8), 0.5)
    trainer = SimpleNamespace(domain_scoring=SimpleNamespace(statistics=statistics))
    assert _domain_distance(trainer, None, properties) == {
        "domain_distance": pytest.approx(np.log(2)),
        "domain_limit": 0.5,
    }
    assert _domain_distance(trainer, None, {}) == {}
    trainer.domain_scoring.statistics = None
    assert _domain_distance(trainer, None, properties) == {}
