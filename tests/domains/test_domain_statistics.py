"""Distances from domains, and the limit of what is inside."""

from typing import Any

import numpy as np
import pytest

from nnunetv2.domains.domain_statistics import DomainStatistics, measure_domains
from nnunetv2.errors import CheckpointError
from s1.domain_map import DomainMap

HAND_MADE = DomainStatistics(("A", "B"), np.array([[0.0, 0.0], [3.0, 4.0]]), np.diag([4.0, 1.0]), 2.5)


def laboratories(count: int, seed: int = 0, centres: tuple[float, ...] = (0.0, 30.0)) -> dict[str, np.ndarray]:
    """Images of three features around one centre a domain, with deviations 1, 2 and 5, the first two correlated."""
    stream = np.random.default_rng(seed)
    mixing = np.array([[1.0, 0, 0], [1.6, 1.2, 0], [0, 0, 5.0]])
    return {
        f"{domain}{number:03d}": centre + mixing @ stream.normal(size=3)
        for domain, centre in zip("AB", centres, strict=True)
        for number in range(count)
    }


def map_of(cases: dict[str, Any]) -> DomainMap:
    return DomainMap({name: tuple(case for case in cases if case.startswith(name)) for name in "AB"})


def test_distances_count_deviations_from_each_domain() -> None:
    assert HAND_MADE.distances(np.array([3.0, 4.0])) == {"A": np.sqrt(4 * 9 + 16), "B": 0.0}
    assert HAND_MADE.distances(np.array([1.0, 0.0]))["A"] == 2.0


def test_the_shared_covariance_is_that_around_the_mean_of_each_domain() -> None:
    cases = laboratories(2000)
    found = measure_domains(cases, map_of(cases))
    assert found is not None
    covariance = np.array([[1.0, 1.6, 0], [1.6, 4.0, 0], [0, 0, 25.0]])
    np.testing.assert_allclose(np.linalg.inv(found.precision), covariance, atol=0.06 * 25)
    np.testing.assert_allclose(found.means, [[0, 0, 0], [30, 30, 30]], atol=0.4)
    assert found.limit == pytest.approx(2.795, abs=0.1), "the root of the 95 % quantile of chi squared with 3 degrees"


def test_about_95_percent_of_other_images_are_inside_and_those_of_another_domain_are_not() -> None:
    cases = laboratories(300)
    found = measure_domains(cases, map_of(cases))
    assert found is not None
    known = [min(found.distances(x).values()) <= found.limit for x in laboratories(1000, seed=1).values()]
    assert np.mean(known) == pytest.approx(0.95, abs=0.03)
    foreign = [min(found.distances(x).values()) for x in laboratories(50, 2, (-20.0, 60.0)).values()]
    assert min(foreign) > found.limit


def test_images_of_one_slide_do_not_vouch_for_each_other() -> None:
    single = laboratories(20)
    cases = {f"{case}_{copy}": x for case, x in single.items() for copy in range(3)}
    groups = {name: name.partition("_")[0] for name in cases}
    alone, grouped, loose = (
        measure_domains(*given)
        for given in ((single, map_of(single)), (cases, map_of(cases), groups), (cases, map_of(cases)))
    )
    assert alone is not None
    assert grouped is not None
    assert loose is not None
    assert loose.limit < grouped.limit
    assert grouped.limit == pytest.approx(alone.limit, rel=0.25)


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_images_give_no_statistics(count: int) -> None:
    cases = laboratories(count)
    assert measure_domains(cases, map_of(cases)) is None


def test_images_without_any_difference_give_finite_numbers() -> None:
    cases = {case: np.ones(3) for case in laboratories(6)}
    found = measure_domains(cases, map_of(cases))
    assert found is not None
    assert np.isfinite(found.precision).all()
    assert found.distances(np.ones(3)) == {"A": 0.0, "B": 0.0}
    assert min(found.distances(np.array([1.0, 1.1, 1.0])).values()) > found.limit


def test_a_domain_with_a_single_image_does_not_move_the_limit() -> None:
    cases = laboratories(30)
    with_one_more = DomainMap({**{n: map_of(cases).domains[n] for n in "AB"}, "C": ("C0",)})
    before, after = (
        measure_domains(cases, map_of(cases)),
        measure_domains({**cases, "C0": np.full(3, 1e3)}, with_one_more),
    )
    assert before is not None
    assert after is not None
    assert after.names == ("A", "B", "C")
    assert after.limit == pytest.approx(before.limit, rel=0.25)


def test_statistics_are_read_back_from_plain_values() -> None:
    found = DomainStatistics.from_dict(HAND_MADE.to_dict(), 2, "file")
    point = np.array([1.5, -2.0])
    assert found.distances(point) == HAND_MADE.distances(point)
    assert (found.names, found.limit) == (HAND_MADE.names, HAND_MADE.limit)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"names": ["A", "A"]},
        {"names": ["A"]},
        {"names": []},
        {"names": ["A", "two\nlines"]},
        {"names": ["A", 7]},
        {"means": [[0.0, 0.0], [1.0]]},
        {"means": [[0.0, 0.0], [1.0, float("nan")]]},
        {"means": [[0.0, 0.0], [1.0, 1e300]]},
        {"means": [[0.0] * 3] * 2},
        {"means": [0.0, 1.0]},
        {"means": "A"},
        {"precision": [[1.0, 0.0]]},
        {"precision": [[1.0, 0.0], [0.0, "1"]]},
        {"precision": [[1.0, 0.0], [0.0, float("inf")]]},
        {"precision": np.eye(2)},
        {"precision": [[-4.0, 0.0], [0.0, 1.0]]},
        {"limit": -1.0},
        {"limit": float("nan")},
        {"limit": True},
    ],
)
def test_damaged_statistics_are_refused_with_their_place(change: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match=r"^model\.pth") as refusal:
        DomainStatistics.from_dict({**HAND_MADE.to_dict(), **change}, 2, "model.pth")
    problems = str(refusal.value).splitlines()
    assert all(line.startswith(("model.pth", "  ")) for line in problems)
    assert len(problems) <= 3


@pytest.mark.parametrize("content", [None, [], 3, "text", {}, {"names": []}])
def test_other_content_is_refused(content: Any) -> None:
    with pytest.raises(CheckpointError, match=r"model\.pth"):
        DomainStatistics.from_dict(content, 2, "model.pth")


def test_statistics_of_other_features_are_refused() -> None:
    with pytest.raises(CheckpointError, match="2 features a domain, expected 9"):
        DomainStatistics.from_dict(HAND_MADE.to_dict(), 9, "model.pth")
