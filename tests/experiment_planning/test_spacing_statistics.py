"""Target spacing, axis order, median shape, lower resolution."""

import numpy as np
import pytest

from nnunetv2.experiment_planning.experiment_planners.spacing_statistics import (
    coarsest_axis_first,
    fullres_target_spacing,
    lie_in_different_planes,
    lower_resolution,
    median_resampled_shape,
    single_slice_axis,
)


def test_the_median_spacing_is_the_target() -> None:
    target = fullres_target_spacing([[1, 2, 3], [2, 2, 3], [3, 2, 4]], [[100, 100, 100]] * 3, 3)

    assert target.tolist() == [2, 2, 3]


def test_a_coarse_and_short_axis_takes_a_low_percentile() -> None:
    target = fullres_target_spacing([[10, 1.5, 1.5]] * 9 + [[5, 1.5, 1.5]], [[10, 230, 250]] * 10, 3)

    assert target.tolist() == [9.5, 1.5, 1.5]


def test_the_coarse_axis_stays_coarser_than_the_others() -> None:
    spacings = [[1, 1, 20]] * 3 + [[1, 1, 0.5]] * 2

    assert fullres_target_spacing(spacings, [[200, 200, 10]] * 5, 3).tolist() == [1, 1, 1 + 1e-5]


@pytest.mark.parametrize(("spacing", "size"), [([3, 1, 1], 10), ([10, 1, 1], 100)])
def test_an_axis_that_is_only_coarse_or_only_short_keeps_its_median(spacing: list[float], size: int) -> None:
    target = fullres_target_spacing([spacing, spacing, [1, 1, 1]], [[size, 200, 200]] * 3, 3)

    assert target.tolist() == spacing


@pytest.mark.parametrize(
    ("target", "forward", "backward"),
    [
        ((1, 1, 2), [2, 0, 1], [1, 2, 0]),
        ((1, 1, 1), [0, 1, 2], [0, 1, 2]),
        ((1, 3, 2), [1, 0, 2], [1, 0, 2]),
    ],
)
def test_the_coarsest_axis_comes_first(target: tuple[int, ...], forward: list[int], backward: list[int]) -> None:
    assert coarsest_axis_first(target) == (forward, backward)


def test_shapes_of_single_cases_are_rounded_halves_to_the_even_number() -> None:
    assert median_resampled_shape([(1, 1, 1)], [(5, 10, 11)], (2, 4, 2)).tolist() == [2, 2, 6]


def test_the_median_shape_may_be_fractional() -> None:
    shape = median_resampled_shape([[1, 1, 1]] * 2, [[10, 10, 10], [11, 10, 13]], (1, 1, 1))

    assert shape.tolist() == [10.5, 10, 11.5]


def test_lower_resolution_first_coarsens_the_fine_axes() -> None:
    assert np.allclose(lower_resolution(np.array([2.5, 0.7, 2.0])), [2.5, 0.7 * 1.03, 2.0])
    assert np.allclose(lower_resolution(np.array([2.0, 1.0, 1.5])), np.array([2.0, 1.0, 1.5]) * 1.03)


@pytest.mark.parametrize(
    ("shapes", "spacing", "axis"),
    [
        ([[150, 196, 1]] * 3, [1, 1, 1], 2),
        ([[150, 1, 196]] * 3, [1, 1, 1], 1),
        ([[150, 1, 196]] * 2 + [[150, 3, 196]], [1, 1, 1], 1),
        ([[150, 196, 1]], [3, 1, 1], 2),
        ([[150, 196, 1]], [1, 1, 5], None),
        ([[1, 150, 196]], [999, 1, 1], None),
        ([[1, 150, 1]], [999, 1, 1], None),
        ([[40, 150, 196]] * 2 + [[40, 150, 1]], [1, 1, 1], None),
    ],
)
def test_an_axis_of_single_slices_counts_unless_it_is_the_coarsest(
    shapes: list[list[int]], spacing: list[int], axis: int | None
) -> None:
    assert single_slice_axis(shapes, spacing) == axis


def test_only_single_slices_along_different_axes_lie_in_different_planes() -> None:
    assert lie_in_different_planes([[1, 5, 6], [5, 6, 1]])
    assert not lie_in_different_planes([[1, 5, 6], [1, 6, 1]])
    assert not lie_in_different_planes([[1, 5, 6], [5, 6, 1], [5, 6, 7]])
