import numpy as np
import pytest
from PIL import Image

from nnunetv2.errors import WrongShapeError
from nnunetv2.pathology.outputs.overlay import (
    NOT_READ_COLOUR,
    class_colours,
    overlay_picture,
    thumbnail_size,
    write_picture,
)

NAMES = {"background": 0, "Tumor": 1, "Stroma": 2}
GREY = np.full((120, 160, 3), 200, np.uint8)


def labels_with_a_square() -> np.ndarray:
    labels = np.zeros((60, 80), np.uint8)
    labels[15:45, 20:60] = 1
    return labels


def test_labels_are_half_transparent_and_outlined_in_the_colour_of_their_class():
    picture = overlay_picture(GREY, labels_with_a_square(), NAMES)
    tumor = np.array(class_colours(NAMES)["Tumor"])
    assert np.abs(picture[60, 80].astype(int) - (200 + tumor) / 2).max() <= 1
    assert (picture[5, 5] == 200).all()
    assert (picture[30, 80] == tumor).all()


def test_the_legend_names_only_the_classes_that_are_seen():
    one = overlay_picture(GREY, labels_with_a_square(), NAMES)
    none = overlay_picture(GREY, np.zeros((60, 80), np.uint8), NAMES)
    tumor, stroma = (np.array(class_colours(NAMES)[name]) for name in ("Tumor", "Stroma"))
    assert np.array_equal(none, GREY)
    assert (one[120:] == tumor).all(axis=2).any()
    assert not (one == stroma).all(axis=2).any()


def test_what_was_not_read_is_hatched_and_in_the_legend():
    not_read = np.zeros((12, 16), bool)
    not_read[:3] = True
    picture = overlay_picture(GREY, labels_with_a_square(), NAMES, not_read)
    hatched = (picture == NOT_READ_COLOUR).all(axis=2)
    assert 0.4 < hatched[:30].mean() < 0.6
    assert not hatched[31:120].any()
    assert hatched[120:].any()


def test_pictures_keep_their_proportions_up_to_2048_pixels():
    assert thumbnail_size(80_000, 100_000) == (1638, 2048)
    assert thumbnail_size(100, 200) == (100, 200)
    assert thumbnail_size(1, 100_000) == (1, 2048)


def test_pictures_are_written_as_png(tmp_path):
    write_picture(GREY, tmp_path / "overlay.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "overlay.png")), GREY)


def test_other_arrays_are_refused():
    with pytest.raises(WrongShapeError, match=r"expected \(H, W, 3\) and \(h, w\)"):
        overlay_picture(GREY[..., 0], labels_with_a_square(), NAMES)
