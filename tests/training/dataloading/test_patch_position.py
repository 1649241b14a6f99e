from collections import Counter

import numpy as np
import pytest

from nnunetv2.training.dataloading.patch_position import (
    annotated_class,
    choose_class,
    corner_around_class,
    lower_bounds,
    random_corner,
)


@pytest.mark.parametrize(
    ("size", "patch", "final", "first", "last"), [(40, 20, 16, -2, 22), (10, 20, 16, -5, -5), (40, 21, 16, -3, 22)]
)
def test_bounds_of_the_lower_corner(size, patch, final, first, last) -> None:
    (bounds,) = lower_bounds([size], [patch], [patch - final])
    assert (bounds.start, bounds.stop - 1) == (first, last)


def test_all_corners_in_the_bounds_are_drawn() -> None:
    np.random.seed(0)
    drawn = {tuple(random_corner([range(-1, 2), range(5, 6)])) for _ in range(100)}
    assert drawn == {(-1, 5), (0, 5), (1, 5)}


def test_a_patch_around_a_voxel_may_extend_beyond_the_far_border_only() -> None:
    bounds = lower_bounds([40, 40], [20, 20], [4, 4])
    corner = corner_around_class(1, {1: [[0, 39, 0]]}, bounds, [20, 20])
    assert corner == [29, -2]


def test_rare_classes_are_chosen_as_often_as_frequent_ones() -> None:
    np.random.seed(0)
    locations = {1: [[0, 1, 1]] * 1000, 2: [[0, 2, 2]], 3: []}
    chosen = Counter(choose_class(locations, None) for _ in range(2000))
    assert set(chosen) == {1, 2}
    assert abs(chosen[1] - 1000) < 100


def test_annotated_voxels_are_chosen_only_without_any_class() -> None:
    annotated = (-1, 0, 1)
    assert choose_class({1: [[0, 1]], annotated: [[0, 2]]}, annotated) == 1
    assert choose_class({1: [], annotated: [[0, 2]]}, annotated) == annotated
    assert choose_class({1: [], annotated: []}, annotated) is None


def test_a_wanted_class_is_used_if_it_has_a_voxel() -> None:
    assert choose_class({1: [[0, 1]], 2: [[0, 2]]}, None, wanted=2) == 2
    assert choose_class({1: [[0, 1]], 2: []}, None, wanted=2) == 1
    with pytest.raises(AssertionError, match="class 7"):
        choose_class({1: [[0, 1]]}, None, wanted=7)


def test_a_case_without_annotated_voxels_is_reported() -> None:
    with pytest.warns(UserWarning, match="no annotated voxel"):
        assert annotated_class({(-1, 0): []}, (-1, 0)) is None
    with pytest.raises(KeyError):
        annotated_class({}, (-1, 0))
