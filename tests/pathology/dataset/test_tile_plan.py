"""The grid of tiles and the choice among them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnunetv2.pathology.dataset.tile_plan import TileFacts, choose_tiles, slide_random, spread, tile_boxes
from nnunetv2.pathology.slides.geometry import Box


def tile(x: int, y: int, has_foreground: bool = True) -> TileFacts:
    return TileFacts(Box(x, y, 10, 10), 1.0, {0: 1.0}, has_foreground)


def grid(columns: int, rows: int, has_foreground: bool = True, top: int = 0) -> list[TileFacts]:
    return [tile(10 * x, 10 * (y + top), has_foreground) for y in range(rows) for x in range(columns)]


@settings(deadline=None, max_examples=50)
@given(width=st.integers(1, 400), height=st.integers(1, 400), edge=st.integers(16, 128), share=st.floats(0.3, 1.0))
def test_tiles_cover_the_view_never_reach_over_it_and_are_all_of_one_size(
    width: int, height: int, edge: int, share: float
) -> None:
    boxes = list(tile_boxes(width, height, edge, max(1, int(edge * share))))
    covered = np.zeros((height, width), bool)
    for box in boxes:
        assert (box.width, box.height) == (min(edge, width), min(edge, height))
        assert box.within(width, height) == box
        covered[box.y : box.bottom, box.x : box.right] = True
    assert covered.all()
    assert len({(box.x, box.y) for box in boxes}) == len(boxes)


@settings(deadline=None)
@given(
    foreground=st.integers(0, 30),
    others=st.integers(0, 30),
    share=st.floats(0.0, 1.0),
    most=st.one_of(st.none(), st.integers(1, 40)),
)
def test_the_share_without_foreground_and_the_number_of_tiles_are_limits(
    foreground: int, others: int, share: float, most: int | None
) -> None:
    tiles = [*grid(foreground, 1), *grid(others, 1, has_foreground=False, top=1)]
    chosen = choose_tiles(tiles, share, most, slide_random("a", 0))
    background = sum(not entry.has_foreground for entry in chosen)
    if most is None:
        assert sum(entry.has_foreground for entry in chosen) == foreground
    else:
        assert len(chosen) <= most
    if foreground:
        assert background <= share * len(chosen) + 1e-6
    else:
        assert background <= max(1, share * others + 1e-6)
    assert chosen == sorted(chosen, key=lambda entry: (entry.box.y, entry.box.x))


def test_a_slide_without_foreground_gives_a_share_of_its_tiles_and_none_if_that_is_zero() -> None:
    tiles = grid(8, 1, has_foreground=False)
    assert len(choose_tiles(tiles, 0.25, None, slide_random("a", 0))) == 2
    assert len(choose_tiles(tiles[:1], 0.25, None, slide_random("a", 0))) == 1
    assert choose_tiles(tiles, 0.0, None, slide_random("a", 0)) == []


def test_a_limit_keeps_the_mixture_of_tiles() -> None:
    tiles = [*grid(30, 1), *grid(10, 1, has_foreground=False, top=1)]
    chosen = choose_tiles(tiles, 1.0, 8, slide_random("a", 0))
    assert (len(chosen), sum(entry.has_foreground for entry in chosen)) == (8, 6)


def test_the_random_choice_depends_on_slide_and_seed_only() -> None:
    tiles = [*grid(3, 1), *grid(40, 1, has_foreground=False, top=1)]

    def chosen(name: str, seed: int) -> list[TileFacts]:
        return choose_tiles(tiles, 0.5, None, slide_random(name, seed))

    assert chosen("a", 0) == chosen("a", 0)
    assert chosen("a", 0) != chosen("b", 0)
    assert chosen("a", 0) != chosen("a", 1)


def test_tiles_are_spread_from_the_centre_to_the_corners() -> None:
    corners = [(entry.box.x, entry.box.y) for entry in spread(grid(5, 5), 5)]
    assert sorted(corners) == [(0, 0), (0, 40), (20, 20), (40, 0), (40, 40)]


@pytest.mark.parametrize("count", [0, 1, 9, 20])
def test_no_tile_is_taken_twice(count: int) -> None:
    chosen = spread(grid(3, 3), count)
    assert len({(entry.box.x, entry.box.y) for entry in chosen}) == len(chosen) == min(count, 9)
