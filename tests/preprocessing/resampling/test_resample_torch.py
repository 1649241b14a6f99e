import numpy as np
import pytest
import torch

from nnunetv2.preprocessing.resampling.default_resampling import resample_data_or_seg_to_shape
from nnunetv2.preprocessing.resampling.resample_torch import resample_torch_fornnunet, resample_torch_simple

RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.normal(size=(2, 6, 7, 8)).astype(np.float32)
LABELS = np.repeat(np.repeat(RANDOM.integers(-1, 4, (1, 4, 5, 3)), 3, axis=2), 3, axis=3)
ISOTROPIC, COARSE = (1.0, 1.0, 1.0), (5.0, 1.0, 1.0)


def test_images_equal_the_linear_order_of_the_default_resampling() -> None:
    result = resample_torch_fornnunet(IMAGE, (9, 5, 8), ISOTROPIC, ISOTROPIC)
    expected = resample_data_or_seg_to_shape(IMAGE, (9, 5, 8), ISOTROPIC, ISOTROPIC, order=1)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, atol=1e-6)


def test_a_coarse_axis_is_picked_after_the_plane_is_resized() -> None:
    result = resample_torch_fornnunet(IMAGE, (3, 10, 4), COARSE, COARSE)
    expected = resample_data_or_seg_to_shape(IMAGE, (3, 10, 4), COARSE, COARSE, order=1, force_separate_z=None)
    np.testing.assert_allclose(result, expected, atol=1e-6)


def test_a_coarse_last_axis_gives_the_transposed_result() -> None:
    turned = np.ascontiguousarray(IMAGE.transpose(0, 2, 3, 1))
    result = resample_torch_fornnunet(turned, (10, 4, 3), COARSE[::-1], COARSE[::-1])
    expected = resample_torch_fornnunet(IMAGE, (3, 10, 4), COARSE, COARSE)
    np.testing.assert_array_equal(result, expected.transpose(0, 2, 3, 1))


def test_arrays_give_arrays_and_tensors_tensors() -> None:
    tensor = torch.from_numpy(IMAGE)
    result = resample_torch_simple(tensor, (3, 4, 5))
    assert isinstance(result, torch.Tensor)
    np.testing.assert_array_equal(result.numpy(), resample_torch_simple(IMAGE, (3, 4, 5)))
    assert resample_torch_simple(tensor, (6, 7, 8)) is tensor


def test_labels_vote_and_the_smallest_wins_a_tie() -> None:
    labels = np.array([[[3, 1]]], np.int16)
    assert resample_torch_simple(labels, (1, 1), is_seg=True).ravel().tolist() == [1]
    labels = np.array([[[5, 5, 1]]], np.int16)
    assert resample_torch_simple(labels, (1, 2), is_seg=True).ravel().tolist() == [5, 1]


def test_the_memory_saving_way_leaves_0_where_no_label_has_the_majority() -> None:
    labels = np.array([[[3, 1]]], np.int16)
    result = resample_torch_simple(labels, (1, 1), is_seg=True, memefficient_seg_resampling=True)
    assert result.ravel().tolist() == [0]


@pytest.mark.parametrize("saves_memory", [False, True])
def test_label_values_are_kept(saves_memory: bool) -> None:
    result = resample_torch_fornnunet(
        LABELS, (8, 12, 10), ISOTROPIC, ISOTROPIC, is_seg=True, memefficient_seg_resampling=saves_memory
    )
    assert set(np.unique(result)) <= {*np.unique(LABELS), 0}


@pytest.mark.parametrize(("largest", "dtype"), [(126, np.int8), (127, np.int16)])
def test_labels_are_int8_below_127(largest: int, dtype: type) -> None:
    assert resample_torch_simple(np.full((1, 2, 2), largest, np.int64), (3, 3), is_seg=True).dtype == dtype


def test_the_number_of_threads_is_restored() -> None:
    before = torch.get_num_threads()
    resample_torch_simple(IMAGE, (3, 4, 5), num_threads=before + 1)
    assert torch.get_num_threads() == before


def test_a_shape_with_the_wrong_number_of_axes_is_refused() -> None:
    with pytest.raises(AssertionError, match="does not have the number of axes"):
        resample_torch_simple(IMAGE, (3, 4))
    with pytest.raises(AssertionError, match="expected data"):
        resample_torch_fornnunet(IMAGE[0], (3, 4, 5), ISOTROPIC, ISOTROPIC)
