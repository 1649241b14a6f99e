"""Values of overlays computed by hand; the exact rounding is compared with nnU-Net in tests/differential."""

import numpy as np
import pytest

from nnunetv2.overlays import rendering, value_ranges
from nnunetv2.overlays.rendering import (
    color_cycle,
    colour_of,
    generate_overlay,
    hex_to_rgb,
    select_slice_to_plot,
    select_slice_to_plot2,
)
from nnunetv2.overlays.value_ranges import as_8_bit_colours

BLUE, ORANGE = (67, 99, 216), (245, 130, 49)


def test_six_hexadecimal_digits_are_red_green_and_blue():
    assert hex_to_rgb("4363d8") == BLUE
    assert hex_to_rgb("9A6324") == (154, 99, 36)


@pytest.mark.parametrize("text", ["#4363d8", "436", "4363dz", "43 63 d8", ""])
def test_other_texts_are_not_colours(text):
    with pytest.raises(AssertionError, match="six hexadecimal digits"):
        hex_to_rgb(text)


def test_colours_are_repeated_without_black():
    assert [colour_of(index) for index in (1, 14, 15, 28, 29)] == [BLUE, colour_of(14), BLUE, colour_of(14), BLUE]
    assert colour_of(3, ("ff0000",)) == (255, 0, 0)


def test_grey_values_are_stretched_and_colours_added_by_rank_of_the_label():
    overlay = generate_overlay(np.array([[-1.0, 0.0], [1.0, 1.0]]), np.array([[0, 3], [0, 7]]), overlay_intensity=0.5)
    sums = np.array([[[0, 0, 0], [161, 177, 235.5]], [[255, 255, 255], [377.5, 320, 279.5]]])
    assert overlay.tolist() == (sums / 377.5 * 255).astype(np.uint8).tolist()


def test_a_mapping_chooses_colours_and_leaves_other_labels_alone():
    image = np.array([[0.0, 1.0, 0.5]])
    overlay = generate_overlay(image, np.array([[4, 5, 6]]), {5: 0, 6: 1, 9: 2}, overlay_intensity=0.1)
    assert overlay.tolist() == [[[0, 0, 0], [255, 255, 255], [134, 137, 149]]]


def test_a_constant_image_shows_its_labels():
    overlay = generate_overlay(np.full((1, 2), 7.0), np.array([[0, 1]]))
    assert overlay.tolist() == [[[0, 0, 0], [79, 116, 255]]]
    assert generate_overlay(np.full((1, 2), 7.0), np.zeros((1, 2), int)).max() == 0


def test_values_that_are_not_finite_are_black():
    overlay = generate_overlay(np.array([[np.nan, 1.0, 3.0, np.inf]]), np.zeros((1, 4), int))
    assert overlay[0, :, 0].tolist() == [0, 0, 255, 0]


def test_any_number_of_labels_has_colours():
    labels = np.arange(400).reshape(20, 20)
    assert generate_overlay(np.zeros((20, 20)), labels).shape == (20, 20, 3)
    assert generate_overlay(np.zeros((20, 20, 3)), labels).shape == (20, 20, 3)


def test_wide_16_bit_ranges_do_not_wrap_around():
    overlay = generate_overlay(np.array([[-30000, 0, 30000]], np.int16), np.zeros((1, 3), int))
    assert overlay[0, :, 0].tolist() == [0, 127, 255]


@pytest.fixture
def slide() -> tuple[np.ndarray, np.ndarray]:
    """White, with a square of label 2 whose outline is one pixel wide."""
    labels = np.zeros((9, 9), int)
    labels[2:7, 2:7] = 2
    return np.full((9, 9, 3), 255, np.uint8), labels


def test_a_colour_image_keeps_its_colours_outside_and_is_tinted_and_outlined_inside(slide):
    overlay = generate_overlay(*slide, overlay_intensity=0.6)
    assert overlay[0, 0].tolist() == overlay[1, 4].tolist() == [255, 255, 255]
    assert overlay[2, 2].tolist() == overlay[6, 4].tolist() == list(ORANGE)
    assert overlay[4, 4].tolist() == [round(0.7 * 255 + 0.3 * value) for value in ORANGE]


def test_a_label_has_one_colour_in_all_colour_images(slide):
    image, labels = slide
    labels[0, 0] = 1
    overlay = generate_overlay(image, labels)
    assert overlay[2, 2].tolist() == list(ORANGE)
    assert overlay[0, 0].tolist() == list(BLUE)


def test_without_intensity_the_image_alone_is_shown(slide):
    assert np.array_equal(generate_overlay(*slide, overlay_intensity=0), slide[0])


def test_channels_may_come_first_and_a_fourth_is_ignored(slide):
    image, labels = slide
    expected = generate_overlay(image, labels)
    with_alpha = np.concatenate([image, np.zeros((9, 9, 1), np.uint8)], axis=-1)
    for same in (np.moveaxis(image, -1, 0), with_alpha, np.moveaxis(with_alpha, -1, 0)):
        assert np.array_equal(generate_overlay(same, labels), expected)


@pytest.mark.parametrize("shape", [(8, 9), (2, 9, 9), (9, 9, 5), (1, 1, 9, 9), (9, 8, 3)])
def test_other_shapes_are_refused(slide, shape):
    with pytest.raises(ValueError, match=r"expected \(H, W\) or \(H, W, 3\)"):
        generate_overlay(np.zeros(shape), slide[1])


def test_8_bit_and_unit_colours_stay_and_others_are_stretched_by_channel():
    bytes_, unit = np.array([[[0.0, 100, 255]]]), np.array([[[0.0, 0.4, 1]]])
    assert as_8_bit_colours(bytes_).tolist() == [[[0, 100, 255]]]
    assert as_8_bit_colours(unit).tolist() == [[[0, 102, 255]]]
    normalized = np.array([[[-2.0, -1, 0], [2, 1, 0.5], [0, 0, 0.25]]])
    assert as_8_bit_colours(normalized).tolist() == [[[0, 0, 0], [255, 255, 255], [128, 128, 128]]]


def test_outlines_of_large_images_are_wider():
    labels = np.zeros((1024, 8), int)
    labels[512:] = 1
    overlay = generate_overlay(np.full((1024, 8, 3), 255, np.uint8), labels)
    assert (overlay[:, 4] == BLUE).all(axis=-1).sum() == 4


def test_planes_are_chosen_by_voxels_or_by_the_share_of_all_classes():
    labels = np.zeros((4, 3, 4), int)
    labels[1, :2] = 1  # eight voxels of the large class
    labels[2, 0] = 1
    labels[2, 1, :2] = 2  # four of the large and all of the small class
    assert select_slice_to_plot(labels, labels) == 1
    assert select_slice_to_plot2(labels, labels) == 2


def test_without_foreground_the_first_plane_is_chosen():
    empty = np.zeros((4, 3, 3), int)
    assert select_slice_to_plot(empty, empty) == select_slice_to_plot2(empty, empty - 1) == 0


def test_the_first_colour_is_black_and_none_is_there_twice():
    assert color_cycle[0] == "000000"
    assert len(set(color_cycle)) == len(color_cycle) == 15


def reference_tint(image: np.ndarray, labels: np.ndarray, intensity: float) -> np.ndarray:
    """Draw the whole picture at once, as floats."""
    values = np.nan_to_num(image.astype(np.float32))
    if values.min() < 0 or values.max() > 255:
        shifted = values - values.min(axis=(0, 1))
        values = shifted / shifted.max(axis=(0, 1)) * 255
    picture = np.rint(values).astype(np.uint8).astype(np.float32)
    outlines = rendering._outlines(labels)
    for label in [int(value) for value in np.unique(labels) if value > 0]:
        inside, fill = labels == label, min(1.0, intensity / 2)
        picture[inside] = (1 - fill) * picture[inside] + fill * np.array(colour_of(label), np.float32)
        picture[inside & outlines] = colour_of(label)
    return np.rint(picture).astype(np.uint8)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_a_picture_that_is_drawn_in_strips_is_that_which_is_drawn_at_once(dtype, monkeypatch):
    monkeypatch.setattr(value_ranges, "_PIXELS_AT_ONCE", 500)
    random = np.random.default_rng(0)
    image = random.integers(3, 250, (90, 70, 3)).astype(dtype) * (200 if dtype == "u2" else 1)
    image = image - 30 if dtype == "f4" else image
    labels = random.integers(0, 5, (9, 7)).repeat(10, 0).repeat(10, 1).astype(np.uint8)
    assert np.array_equal(generate_overlay(image, labels), reference_tint(image, labels, 0.6))


def test_a_grey_picture_is_the_same_in_strips_of_any_height(monkeypatch):
    random = np.random.default_rng(1)
    image, labels = random.normal(100, 30, (90, 70)).astype(np.float32), random.integers(-1, 9, (90, 70))
    image[3, 4:9] = np.nan, np.inf, -np.inf, 0, 1e30
    at_once = generate_overlay(image, labels)
    monkeypatch.setattr(value_ranges, "_PIXELS_AT_ONCE", 150)
    assert np.array_equal(generate_overlay(image, labels), at_once)
