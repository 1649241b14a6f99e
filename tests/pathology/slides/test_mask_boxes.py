"""Rectangles over the marked pixels of a mask."""

import numpy as np
import pytest

from nnunetv2.pathology.slides.geometry import Box
from nnunetv2.pathology.slides.mask_boxes import MOST_EXACT, SQUARE_PX, boxes_of


def drawn(
    boxes: list[Box], height: int, width: int, x: int = 0, y: int = 0
) -> np.ndarray[tuple[int, int], np.dtype[np.int_]]:
    """Return how many of the rectangles cover each pixel."""
    count = np.zeros((height, width), int)
    for box in boxes:
        assert box.width > 0
        assert box.height > 0
        count[box.y - y : box.bottom - y, box.x - x : box.right - x] += 1
    return count


def test_nothing_marked_has_no_rectangles() -> None:
    assert boxes_of(np.zeros((5, 7), bool)) == []


def test_missing_tiles_are_as_many_rectangles_at_their_place() -> None:
    mask = np.zeros((100, 200), bool)
    mask[10:30, 50:70] = mask[10:30, 90:200] = mask[60:, :20] = True
    assert boxes_of(mask, 1000, 2000) == [
        Box(1050, 2010, 20, 20),
        Box(1090, 2010, 110, 20),
        Box(1000, 2060, 20, 40),
    ]


@pytest.mark.parametrize("seed", range(5))
def test_small_masks_are_covered_exactly_and_once(seed: int) -> None:
    mask = np.random.default_rng(seed).random((9, 13)) < 0.4
    np.testing.assert_array_equal(drawn(boxes_of(mask, 3, 4), 9, 13, 3, 4), mask.astype(int))


def test_ragged_masks_are_covered_by_few_squares_which_stay_inside() -> None:
    mask = np.random.default_rng(0).random((100, 130)) < 0.01
    count = drawn(boxes_of(mask), 100, 130)
    assert mask.sum() > MOST_EXACT
    assert count.max() == 1
    assert count[mask].all()
    squares = -(-100 // SQUARE_PX) * -(-130 // SQUARE_PX)
    assert len(boxes_of(mask)) <= squares
    for y, x in zip(*np.nonzero(count), strict=True):
        top, left = y // SQUARE_PX * SQUARE_PX, x // SQUARE_PX * SQUARE_PX
        assert mask[top : top + SQUARE_PX, left : left + SQUARE_PX].any()
