"""Levels, scales and boxes, over many sizes and pixel sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnunetv2.pathology.slides.geometry import (
    Box,
    Level,
    PixelSize,
    cells,
    cells_of,
    choose_level,
    level_box,
    make_level,
    next_levels,
    regrid,
    view_grid,
)

SIZES = st.integers(1, 200_000)
MPP = st.floats(0.05, 20)


def pyramid(width: int, height: int, steps: list[int]) -> list[Level]:
    sizes = [(width, height)] + [(max(1, width // step), max(1, height // step)) for step in sorted(steps)]
    return [make_level(index, size, (width, height)) for index, size in enumerate(sizes)]


PYRAMIDS = st.builds(pyramid, SIZES, SIZES, st.lists(st.sampled_from([2, 4, 8, 16, 32]), unique=True, max_size=4))


@given(PYRAMIDS, MPP, MPP)
def test_the_level_is_the_coarsest_one_that_is_fine_enough(levels: list[Level], pixel: float, target: float) -> None:
    chosen = choose_level(levels, pixel, target)
    fine_enough = [level.downsample for level in levels if level.downsample * pixel <= 1.02 * target]
    assert chosen.downsample == (max(fine_enough) if fine_enough else min(level.downsample for level in levels))


def test_the_next_levels_are_the_finer_and_the_coarser_neighbour_whatever_their_order() -> None:
    levels = [Level(index, 1, 1, downsample) for index, downsample in enumerate((1.0, 8.0, 4.0, 2.0, 16.0))]
    assert [[level.downsample for level in next_levels(levels, used)] for used in levels] == [
        [2.0],
        [4.0, 16.0],
        [2.0, 8.0],
        [1.0, 4.0],
        [8.0],
    ]


@given(PYRAMIDS, MPP, MPP)
def test_the_factor_makes_up_for_what_the_level_lacks(levels: list[Level], pixel: float, target: float) -> None:
    grid = view_grid(levels, PixelSize(pixel, pixel, "test"), target)
    level = levels[grid.level]
    assert grid.scale_x == level.downsample * grid.factor_x
    assert grid.is_level or grid.scale_x * pixel == pytest.approx(target)
    assert abs(grid.scale_x * pixel / target - 1) <= 0.02
    assert grid.width == max(1, int(level.width / grid.factor_x))


@given(PYRAMIDS, MPP, MPP, st.data())
def test_level_boxes_cover_the_view_and_stay_on_the_level(
    levels: list[Level], pixel: float, target: float, data: st.DataObject
) -> None:
    grid = view_grid(levels, PixelSize(pixel, pixel, "test"), target)
    x, y = data.draw(st.integers(0, grid.width - 1)), data.draw(st.integers(0, grid.height - 1))
    view = Box(x, y, data.draw(st.integers(1, grid.width - x)), data.draw(st.integers(1, grid.height - y)))
    level = levels[grid.level]
    box = level_box(grid, view, (level.width, level.height))
    assert 0 <= box.x <= view.x * grid.factor_x
    assert box.right <= level.width
    assert box.right >= min(level.width, view.right * grid.factor_x)
    assert box.width >= 1
    assert box.height >= 1


def test_a_view_without_resampling_reads_its_own_pixels_only() -> None:
    grid = view_grid(pyramid(1000, 800, [2]), PixelSize(0.25, 0.25, "test"), 0.5)
    assert grid.is_level
    assert (grid.level, grid.width, grid.height, grid.scale_x) == (1, 500, 400, 2.0)
    assert level_box(grid, Box(10, 20, 30, 40), (500, 400)) == Box(10, 20, 30, 40)


def test_scales_are_those_of_the_sizes_not_of_the_request() -> None:
    """Level 1 of a real slide: 1110 x 1483 of 2220 x 2967."""
    grid = view_grid(pyramid(2220, 2967, [2]), PixelSize(0.499, 0.499, "test"), 1.0)
    assert grid.is_level
    assert grid.scale_x == pytest.approx((2 + 2967 / 1483) / 2)


def test_axes_of_different_pixel_size_are_resampled_each_by_its_own_factor() -> None:
    grid = view_grid(pyramid(1000, 1000, []), PixelSize(0.25, 0.28, "test"), 0.5)
    assert (grid.factor_x, grid.factor_y) == pytest.approx((2, 0.5 / 0.28))
    assert (grid.width, grid.height) == (500, 560)


def test_a_coarse_slide_is_enlarged_from_its_finest_level() -> None:
    grid = view_grid(pyramid(1000, 1000, [2]), PixelSize(1.0, 1.0, "test"), 0.5)
    assert (grid.level, grid.factor_x, grid.width) == (0, 0.5, 2000)


def test_any_level_can_give_the_same_view() -> None:
    levels = pyramid(4096, 4096, [2, 4, 8])
    grid = view_grid(levels, PixelSize(0.5, 0.5, "test"), 1.5)
    for level in levels:
        same = regrid(grid, level)
        assert (same.width, same.height, same.scale_x) == (grid.width, grid.height, grid.scale_x)
        assert same.factor_x * level.downsample == 3.0


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 70))
def test_cells_cover_each_pixel_once(width: int, height: int, edge: int) -> None:
    covered = [(x, y) for box in cells(width, height, edge) for x in range(box.x, box.right) for y in (box.y,)]
    assert len(covered) == len(set(covered))
    assert sum(box.width * box.height for box in cells(width, height, edge)) == width * height


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 60), st.integers(1, 60), st.integers(1, 30))
def test_the_parts_of_a_box_are_cut_where_the_grid_is(x: int, y: int, width: int, height: int, edge: int) -> None:
    box = Box(x, y, width, height)
    parts = list(cells_of(box, edge))
    assert sum(part.width * part.height for part in parts) == width * height
    assert all(part.x // edge == (part.right - 1) // edge for part in parts)


@given(st.tuples(*[st.integers(0, 20)] * 4), st.tuples(*[st.integers(0, 20)] * 4))
def test_the_box_around_two_boxes_is_the_smallest_that_contains_them(
    first: tuple[int, int, int, int], second: tuple[int, int, int, int]
) -> None:
    a, b = Box(*first), Box(*second)
    around = a.around(b)
    assert (around.x, around.y) == (min(a.x, b.x), min(a.y, b.y))
    assert (around.right, around.bottom) == (max(a.right, b.right), max(a.bottom, b.bottom))
    assert around.contains(a)
    assert around.contains(b)
    assert a.contains(b) == (a.x <= b.x and a.y <= b.y and a.right >= b.right and a.bottom >= b.bottom)


def test_a_box_outside_an_image_has_no_pixels_within() -> None:
    assert Box(10, 0, 5, 5).within(8, 8).width == 0
    assert Box(-3, 6, 5, 5).within(8, 8) == Box(0, 6, 2, 2)
