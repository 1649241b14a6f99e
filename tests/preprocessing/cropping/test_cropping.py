import numpy as np
import pytest

from nnunetv2.errors import CallError
from nnunetv2.preprocessing.cropping.cropping import create_nonzero_mask, crop_to_nonzero


def hollow_cube(size: int = 5) -> np.ndarray:
    """(1, size, size, size), ones around one zero in the middle."""
    data = np.ones((1, size, size, size), np.float32)
    data[0, size // 2, size // 2, size // 2] = 0
    return data


def test_the_mask_is_set_where_any_channel_is_nonzero() -> None:
    data = np.zeros((2, 1, 2, 3), np.float32)
    data[0, 0, 0, 0] = -1
    data[1, 0, 1, 2] = np.nan
    np.testing.assert_array_equal(create_nonzero_mask(data)[0], [[1, 0, 0], [0, 0, 1]])


def test_holes_inside_a_volume_are_filled() -> None:
    assert create_nonzero_mask(hollow_cube()).all()


def test_a_tunnel_to_the_border_is_not_a_hole() -> None:
    data = hollow_cube()
    data[0, :3, 2, 2] = 0
    np.testing.assert_array_equal(create_nonzero_mask(data), data[0] != 0)


def test_holes_are_closed_by_faces_not_by_edges() -> None:
    data = hollow_cube()
    data[0, 1, 1, 2] = 0  # touches the hole at an edge only
    data[0, 0, 1, 2] = 0
    mask = create_nonzero_mask(data)
    assert mask[2, 2, 2]
    assert not mask[1, 1, 2]


def test_a_hole_of_a_mask_that_does_not_reach_the_border_is_filled() -> None:
    data = np.pad(hollow_cube(), ((0, 0), (2, 3), (1, 1), (4, 0)))
    assert create_nonzero_mask(data).sum() == 125


def test_nothing_is_filled_in_2d() -> None:
    data = hollow_cube(5)[:, 2:3]
    assert not create_nonzero_mask(data)[0, 2, 2]


def test_an_image_has_three_or_four_axes() -> None:
    with pytest.raises(CallError, match="expected an image of shape"):
        create_nonzero_mask(np.ones((4, 5)))


def test_cropping_returns_the_half_open_box() -> None:
    data = np.zeros((1, 4, 6, 8), np.float32)
    data[0, 1:3, 2:6, 3:4] = 5

    cropped, _, box = crop_to_nonzero(data)

    assert box == [[1, 3], [2, 6], [3, 4]]
    assert all(type(number) is int for axis in box for number in axis)
    assert cropped.shape == (1, 2, 4, 1)


def test_an_empty_image_is_not_cropped() -> None:
    cropped, seg, box = crop_to_nonzero(np.zeros((1, 2, 3, 4), np.float32))
    assert box == [[0, 2], [0, 3], [0, 4]]
    assert cropped.shape == (1, 2, 3, 4)
    assert (seg == -1).all()


def test_background_outside_the_mask_becomes_minus_one_and_labels_stay() -> None:
    data = np.ones((1, 1, 3, 3), np.float32)
    data[0, 0, 0, :2] = 0
    seg = np.array([[0, 2, 0], [0, 1, 0], [0, 0, 0]], np.float32)[None, None]

    _, cropped, _ = crop_to_nonzero(data, seg)

    np.testing.assert_array_equal(cropped[0, 0], [[-1, 2, 0], [0, 1, 0], [0, 0, 0]])
    assert np.shares_memory(cropped, seg)


def test_the_label_of_the_outside_can_be_chosen() -> None:
    data = np.array([0, 1], np.float32).reshape(1, 1, 1, 2).repeat(2, axis=2)
    data[0, 0, 1, 0] = 1
    _, seg, _ = crop_to_nonzero(data, np.zeros((1, 1, 2, 2), np.int16), nonzero_label=-7)
    np.testing.assert_array_equal(seg[0, 0], [[-7, 0], [0, 0]])


def test_without_labels_the_mask_itself_is_returned_as_int8() -> None:
    data = np.ones((2, 1, 2, 2), np.float32)
    data[:, 0, 0, 1] = 0
    _, seg, _ = crop_to_nonzero(data)
    assert seg.dtype == np.int8
    np.testing.assert_array_equal(seg[0, 0], [[0, -1], [0, 0]])
