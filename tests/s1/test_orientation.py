import pytest

from s1.orientation import known_orientation, orientation_problems

SQUARE, WIDE = (9, 9), (9, 12)


def problems(image: int, mask: int, size: tuple[int, int]) -> list[str]:
    return orientation_problems(image, mask, "a.jpg", "a.png", size)


@pytest.mark.parametrize("size", [SQUARE, WIDE])
@pytest.mark.parametrize("tag", range(1, 9))
def test_equal_tags_fit(tag: int, size: tuple[int, int]) -> None:
    assert problems(tag, tag, size) == []


@pytest.mark.parametrize(("image", "mask"), [(3, 1), (1, 3), (2, 1), (4, 1), (6, 8), (6, 3), (3, 2)])
@pytest.mark.parametrize("size", [SQUARE, WIDE])
def test_other_tags_leave_open_where_a_mask_was_drawn(image: int, mask: int, size: tuple[int, int]) -> None:
    (problem,) = problems(image, mask, size)
    assert problem.startswith("a.jpg: its orientation tag says ")
    assert problem.endswith("save both without this tag")


@pytest.mark.parametrize("tag", [5, 6, 7, 8])
def test_a_quarter_turn_is_told_by_the_size_unless_it_is_square(tag: int) -> None:
    assert problems(tag, 1, WIDE) == problems(1, tag, WIDE) == []
    assert len(problems(tag, 1, SQUARE)) == 1


@pytest.mark.parametrize("value", [None, 0, 9, -3, "6", 6.5, b"6"])
def test_values_that_are_no_orientation_count_as_upright(value: object) -> None:
    assert known_orientation(value) == 1
