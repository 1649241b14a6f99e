import numpy as np
import pytest
import torch
from scipy.ndimage import zoom

from nnunetv2.errors import CallError
from nnunetv2.preprocessing.resampling.default_resampling import (
    compute_new_shape,
    determine_do_sep_z_and_axis,
    get_do_separate_z,
    get_lowres_axis,
    resample_data_or_seg,
    resample_data_or_seg_to_shape,
    resample_data_or_seg_to_spacing,
)

SECOND_HALF = [14.677045, 20.333176, 26.58862, 33.7896, 43.405224, 49]
ROW = np.array([0, 1, 4, 9, 16, 25, 36, 49], np.float32).reshape(1, 1, 1, 8)


@pytest.mark.parametrize(
    ("shape", "old", "new", "expected"),
    [
        ((101, 55, 3), (1, 1, 5), (0.75, 2, 3), [135, 28, 5]),
        ((1, 1024, 1024), (999, 0.5, 0.5), (999, 0.75, 0.75), [1, 683, 683]),
        ((5, 10, 11), (1, 1, 1), (2, 4, 2), [2, 2, 6]),
    ],
)
def test_new_shapes_round_halves_to_even(shape: tuple, old: tuple, new: tuple, expected: list[int]) -> None:
    assert compute_new_shape(shape, old, new).tolist() == expected


def test_shape_and_spacings_must_have_the_same_length() -> None:
    with pytest.raises(AssertionError, match="differ in length"):
        compute_new_shape((1, 2, 3), (1, 1), (1, 1, 1))


def test_three_times_the_smallest_spacing_is_not_yet_anisotropic() -> None:
    assert not get_do_separate_z((3, 1, 1))
    assert get_do_separate_z((3.0001, 1, 1))
    assert get_do_separate_z((2, 1, 1), anisotropy_threshold=1.5)


def test_all_axes_of_the_largest_spacing_are_coarse() -> None:
    assert get_lowres_axis([1, 5, 5]).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("force", "current", "new", "axis"),
    [
        (None, (999, 1, 1), (999, 1, 1), 0),
        (None, (3, 1, 1), (3, 1, 1), None),
        (None, (3.0001, 1, 1), (1, 1, 1), 0),
        (None, (1, 1, 1), (5, 1, 1), 0),
        (None, (5, 5, 1), (5, 5, 1), None),
        (None, (0.24, 1.25, 1.25), (1, 1, 1), None),
        (None, (1, 5, 1), (5, 1, 1), 1),
        (True, (1, 1, 2), (1, 1, 1), 2),
        (True, (1, 2, 2), (9, 1, 1), None),
        (False, (9, 1, 1), (9, 1, 1), None),
    ],
)
def test_the_separate_axis_comes_from_the_current_then_from_the_new_spacing(
    force: bool | None, current: tuple, new: tuple, axis: int | None
) -> None:
    assert determine_do_sep_z_and_axis(force, current, new) == (axis is not None, axis)


@pytest.mark.parametrize(
    ("order", "length", "expected"),
    [
        (3, 5, [0.1375845, 3.6067853, 12.226896, 25.950003, 46.084484]),
        (1, 5, [0.3, 3.7, 12.5, 26.1, 45.1]),
        (3, 12, [0, 0.2961807, 1.3511335, 3.355694, 6.2592397, 10.019506, *SECOND_HALF]),
    ],
)
def test_a_row_matches_the_golden_values(order: int, length: int, expected: list[float]) -> None:
    result = resample_data_or_seg(ROW, (1, 1, length), axis=0, order=order, do_separate_z=True)
    np.testing.assert_allclose(result.ravel(), expected, rtol=2e-7, atol=1e-7)


def test_data_that_have_the_new_shape_are_returned_unchanged() -> None:
    assert resample_data_or_seg_to_shape(ROW, (1, 1, 8), (1, 1, 1), (2, 2, 2)) is ROW


def test_slices_across_a_coarse_axis_are_resized_in_plane_and_picked() -> None:
    data = np.random.default_rng(0).normal(size=(2, 6, 8, 9))

    result = resample_data_or_seg_to_shape(data, (4, 5, 12), (5, 1, 1), (7, 1, 1), force_separate_z=None)

    for channel, source in zip(result, data, strict=True):
        for index, picked in enumerate([0, 2, 3, 5]):
            plane = zoom(source[picked], (5 / 8, 12 / 9), order=3, mode="nearest", grid_mode=True)
            np.testing.assert_allclose(channel[index], plane.clip(source[picked].min(), source[picked].max()))


def test_the_coarse_axis_may_be_the_last_one() -> None:
    data = np.random.default_rng(0).normal(size=(1, 6, 7, 5))
    result = resample_data_or_seg_to_shape(data, (9, 7, 3), (1, 1, 9), (1, 1, 15), force_separate_z=None)
    turned = resample_data_or_seg_to_shape(
        data.transpose(0, 3, 1, 2), (3, 9, 7), (9, 1, 1), (15, 1, 1), force_separate_z=None
    )
    np.testing.assert_array_equal(result, turned.transpose(0, 2, 3, 1))


def test_the_coarse_axis_is_interpolated_with_its_own_order() -> None:
    data = np.array([0, 10, 20], np.float64).reshape(1, 3, 1, 1)
    result = resample_data_or_seg(data, (6, 1, 1), axis=0, order=3, do_separate_z=True, order_z=1)
    np.testing.assert_allclose(result.ravel(), [0, 2.5, 7.5, 12.5, 17.5, 20])


def test_labels_along_the_coarse_axis_need_more_than_half_of_the_weight() -> None:
    labels = np.array([2, 2, 1, 0], np.int8).reshape(1, 4, 1, 1)
    result = resample_data_or_seg(labels, (7, 1, 1), True, axis=0, order=1, do_separate_z=True, order_z=1)
    assert result.ravel().tolist() == [2, 2, 2, 0, 1, 0, 0]


def test_each_channel_is_resampled_on_its_own() -> None:
    data = np.random.default_rng(0).normal(size=(3, 4, 5, 6)).astype(np.float32)
    together = resample_data_or_seg(data, (6, 5, 3))
    alone = [resample_data_or_seg(channel[None], (6, 5, 3))[0] for channel in data]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int16])
def test_the_type_is_kept(dtype: type) -> None:
    assert resample_data_or_seg(ROW.astype(dtype), (1, 1, 5)).dtype == dtype
    assert resample_data_or_seg(ROW.astype(dtype), (1, 1, 5), dtype_out=np.float64).dtype == np.float64


def test_a_cpu_tensor_gives_an_array() -> None:
    result = resample_data_or_seg_to_shape(torch.from_numpy(ROW), (1, 1, 5), (1, 1, 1), (1, 1, 1))
    np.testing.assert_array_equal(result, resample_data_or_seg_to_shape(ROW, (1, 1, 5), (1, 1, 1), (1, 1, 1)))


def test_resampling_to_a_spacing_computes_the_shape() -> None:
    result = resample_data_or_seg_to_spacing(ROW, (1, 1, 1), (1, 1, 2), order=1)
    np.testing.assert_allclose(result.ravel(), [0.5, 6.5, 20.5, 42.5])


def test_wrong_shapes_and_a_missing_axis_are_refused() -> None:
    with pytest.raises(CallError, match=r"expected data \(C, x, y, z\)"):
        resample_data_or_seg(ROW[0], (1, 1, 5))
    with pytest.raises(CallError, match="needs the axis"):
        resample_data_or_seg(ROW, (1, 1, 5), do_separate_z=True)
