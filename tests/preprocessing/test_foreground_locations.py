import numpy as np
import pytest

from nnunetv2.preprocessing.foreground_locations import classes_to_locate, sample_foreground_locations
from nnunetv2.utilities.label_handling.label_handling import LabelManager

SEG = (np.arange(20) % 3).reshape(1, 1, 4, 5).astype(np.float32)


def slow_locations(seg: np.ndarray, classes: list, seed: int, least: int, fraction: float) -> dict:
    """The rule written out: candidates label by label in C order, one stream of draws."""
    random, result = np.random.RandomState(seed), {}
    for entry in classes:
        members = list(entry) if isinstance(entry, list | tuple) else [entry]
        candidates = np.concatenate([np.argwhere(seg == label) for label in members])
        key = tuple(members) if isinstance(entry, list | tuple) else entry
        result[key] = []
        if len(candidates):
            number = max(min(least, len(candidates)), int(np.ceil(fraction * len(candidates))))
            result[key] = candidates[random.permutation(len(candidates))[:number]]
    return result


@pytest.mark.parametrize(
    ("labels", "order", "expected"),
    [
        ({"background": 0, "a": 1, "b": 2}, None, [1, 2]),
        ({"background": 0, "a": 1, "b": 2, "ignore": 3}, None, [1, 2, [-1, 0, 1, 2]]),
        ({"background": 0, "whole": [1, 2], "core": 2}, [1, 2], [(1, 2), 2]),
    ],
)
def test_classes_or_regions_are_located_and_what_is_annotated(
    labels: dict, order: list[int] | None, expected: list
) -> None:
    assert classes_to_locate(LabelManager(labels, order)) == expected


def test_draws_match_the_golden_values() -> None:
    locations = sample_foreground_locations(SEG, [1, 2, (1, 2), 5])

    assert list(locations) == [1, 2, (1, 2), 5]
    assert [len(rows) for rows in locations.values()] == [7, 6, 13, 0]
    assert locations[1][:4].tolist() == [[0, 0, 1, 2], [0, 0, 0, 4], [0, 0, 3, 4], [0, 0, 0, 1]]
    assert locations[2][:4].tolist() == [[0, 0, 0, 2], [0, 0, 2, 4], [0, 0, 2, 1], [0, 0, 1, 3]]
    assert locations[1, 2][:4].tolist() == [[0, 0, 0, 2], [0, 0, 2, 4], [0, 0, 1, 2], [0, 0, 2, 0]]
    assert locations[5] == []


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int64])
@pytest.mark.parametrize(("least", "fraction"), [(5, 0.01), (20, 0.3), (10000, 0.01)])
def test_draws_follow_the_rule(dtype: type, least: int, fraction: float) -> None:
    seg = np.random.default_rng(0).integers(-1, 5, (1, 6, 7, 8)).astype(dtype)
    classes = [2, [3, 1], (2,), 9, [2, 2], [-1, 0, 1, 2, 3]]

    locations = sample_foreground_locations(seg, classes, 99, least, fraction)

    expected = slow_locations(seg, classes, 99, least, fraction)
    assert list(locations) == list(expected)
    for key, rows in expected.items():
        np.testing.assert_array_equal(locations[key], rows)


def test_rows_are_contiguous_int64() -> None:
    rows = sample_foreground_locations(SEG, [1])[1]
    assert isinstance(rows, np.ndarray)
    assert rows.dtype == np.int64
    assert rows.flags.c_contiguous
    assert rows.shape == (7, 4)


def test_large_classes_are_covered_to_one_percent() -> None:
    seg = np.ones((1, 1, 1000, 1001), np.int8)
    assert len(sample_foreground_locations(seg, [1])[1]) == 10010


def test_values_that_are_no_whole_numbers_belong_to_no_class() -> None:
    seg = np.array([1, 1.5, np.nan, 1], np.float32).reshape(1, 1, 1, 4)
    assert sorted(sample_foreground_locations(seg, [1])[1][:, 3]) == [0, 3]
