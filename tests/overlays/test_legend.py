import numpy as np

from nnunetv2.overlays.legend import add_legend

RED, GREEN = (255, 0, 0), (0, 255, 0)


def picture(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 100, np.uint8)


def has(image: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((image == colour).all(axis=-1).any())


def test_names_and_colours_are_below_the_picture():
    legend = add_legend(picture(50, 400), [("tumor", RED), ("stroma", GREEN)])
    assert legend.shape == (50 + 22, 400, 3)
    assert np.array_equal(legend[:50], picture(50, 400))
    assert has(legend[50:], RED)
    assert has(legend[50:], GREEN)
    assert has(legend[50:], (0, 0, 0))


def test_a_narrow_picture_gets_a_row_for_each_name_and_a_margin():
    legend = add_legend(picture(10, 40), [("a very long name", RED), ("another long name", GREEN)])
    assert legend.shape[0] == 10 + 2 * 22
    assert legend.shape[1] > 100
    assert (legend[:10, 40:] == 255).all()
    assert not has(legend[10:32], GREEN)
    assert has(legend[32:], GREEN)


def test_the_letters_grow_with_the_picture():
    assert add_legend(picture(10, 2000), [("tumor", RED)]).shape[0] == 10 + 2 * 50


def test_without_labels_the_picture_is_unchanged():
    assert np.array_equal(add_legend(picture(5, 5), []), picture(5, 5))


def test_the_end_of_a_long_name_is_left_out():
    long, cut = (add_legend(picture(50, 100), [(name, RED)]) for name in ("n" * 100_000, "n" * 57 + "..."))
    np.testing.assert_array_equal(long, cut)
