"""The reference is what the resampling function gives for the whole."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from nnunetv2.preprocessing.resampling import default_resampling, linear_parts
from nnunetv2.preprocessing.resampling.default_resampling import resample_data_or_seg_to_shape
from nnunetv2.preprocessing.resampling.linear_parts import (
    PartwiseResampled,
    goes_partwise,
    partwise_resampled,
    resized_part,
)
from nnunetv2.preprocessing.resampling.resample_torch import resample_torch_fornnunet

PLANNED = {"is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None}
LINEAR = partial(resample_data_or_seg_to_shape, **PLANNED)
ISOTROPIC, THICK_FIRST, THICK_LAST = (1.0, 1.0, 1.0), (5.0, 1.0, 1.0), (1.0, 1.0, 4.0)
SHAPES = [
    ((6, 10, 15), (9, 14, 11)),
    ((6, 10, 15), (6, 20, 15)),
    ((12, 7, 9), (3, 5, 4)),
    ((1, 17, 13), (1, 40, 30)),
    ((1, 1, 1), (2, 3, 4)),
    ((5, 8, 2), (11, 8, 1)),
]


def values(shape: tuple[int, ...], dtype: Any = np.float16, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=4, size=(3, *shape)).astype(dtype)


def in_parts(resampled: PartwiseResampled, axis: int, thickness: int) -> np.ndarray:
    length = resampled.shape[axis + 1]
    before = (slice(None),) * (axis + 1)
    return np.concatenate(
        [resampled[(*before, slice(top, top + thickness))] for top in range(0, length, thickness)], axis + 1
    )


@pytest.mark.parametrize(("source", "target"), SHAPES)
@pytest.mark.parametrize("spacing", [ISOTROPIC, THICK_FIRST, THICK_LAST])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_parts_have_the_bits_of_the_whole(source, target, spacing, dtype):
    data = values(source, dtype)
    expected = LINEAR(data, target, spacing, ISOTROPIC)
    resampled = partwise_resampled(LINEAR, data, target, spacing, ISOTROPIC)
    assert resampled.shape == expected.shape
    for axis in range(3):
        for thickness in (1, 4, 100):
            found = in_parts(resampled, axis, thickness)
            assert found.dtype == expected.dtype
            assert np.array_equal(found, expected)


def test_random_shapes_have_the_bits_of_the_whole():
    generator = np.random.default_rng(1)
    for seed in range(60):
        source, target = generator.integers(1, 16, 3), generator.integers(1, 24, 3)
        data = values(source, seed=seed)
        resampled = partwise_resampled(LINEAR, torch.from_numpy(data), target, ISOTROPIC, ISOTROPIC)
        assert np.array_equal(resampled[slice(None), :], LINEAR(data, target, ISOTROPIC, ISOTROPIC))


def test_a_part_may_be_cut_along_all_axes():
    data = values((6, 10, 15))
    whole = LINEAR(data, (9, 14, 11), ISOTROPIC, ISOTROPIC)
    resampled = partwise_resampled(LINEAR, data, (9, 14, 11), ISOTROPIC, ISOTROPIC)
    assert np.array_equal(resampled[:, 2:5, 13:14, 1:9], whole[:, 2:5, 13:14, 1:9])
    assert len(resampled) == 3


@pytest.mark.parametrize(
    "function",
    [
        partial(resample_data_or_seg_to_shape, **{**PLANNED, "order": 3}),
        partial(resample_data_or_seg_to_shape, **{**PLANNED, "is_seg": True}),
        partial(resample_data_or_seg_to_shape, **{**PLANNED, "order_z": 1}),
        partial(resample_torch_fornnunet, is_seg=False, force_separate_z=None),
        partial(lambda *_, **__: None, order=1),
        resample_data_or_seg_to_shape,
    ],
    ids=["cubic", "labels", "linear between thick slices", "torch", "of a client", "cubic by default"],
)
def test_other_ways_of_resampling_are_left_to_their_functions(function):
    assert partwise_resampled(function, values((6, 10, 15)), (9, 14, 11), THICK_FIRST, ISOTROPIC) is None


def test_thick_slices_that_stay_need_nothing_between_them():
    function = partial(resample_data_or_seg_to_shape, **{**PLANNED, "order_z": 1})
    data = values((6, 10, 15))
    resampled = partwise_resampled(function, data, (6, 14, 11), THICK_FIRST, ISOTROPIC)
    assert np.array_equal(resampled[slice(None), :], function(data, (6, 14, 11), THICK_FIRST, ISOTROPIC))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_left_to_the_function(value):
    data = values((6, 10, 15))
    data[1, 2, 3, 4] = value
    assert partwise_resampled(LINEAR, data, (9, 14, 11), ISOTROPIC, ISOTROPIC) is None


def test_a_type_whose_rounding_does_not_hide_clipping_is_left_to_the_function():
    assert partwise_resampled(LINEAR, values((6, 10, 15), np.float64), (9, 14, 11), ISOTROPIC, ISOTROPIC) is None


@pytest.mark.parametrize(
    "name",
    [
        "determine_do_sep_z_and_axis",
        "resample_data_or_seg_to_shape",
        "resample_data_or_seg",
        "_resize",
        "_resize_slices",
        "_pick_slices",
        "resize",
        "nearest_samples",
    ],
)
def test_a_replaced_function_of_the_module_is_used(monkeypatch, name):
    data = values((6, 10, 15))
    assert goes_partwise(LINEAR)
    monkeypatch.setattr(default_resampling, name, lambda *_, **__: data)
    assert not goes_partwise(LINEAR)
    assert partwise_resampled(LINEAR, data, (9, 14, 11), ISOTROPIC, ISOTROPIC) is None


@pytest.mark.parametrize("name", ["get_do_separate_z", "get_lowres_axis"])
def test_a_replaced_choice_of_the_separate_axis_decides_for_parts_too(monkeypatch, name):
    chosen = {"get_do_separate_z": lambda *_: True, "get_lowres_axis": lambda *_: np.array([2])}
    monkeypatch.setattr(default_resampling, name, chosen[name])
    data = values((6, 10, 15))
    resampled = partwise_resampled(LINEAR, data, (9, 14, 11), THICK_FIRST, ISOTROPIC)
    assert np.array_equal(resampled[slice(None), :], LINEAR(data, (9, 14, 11), THICK_FIRST, ISOTROPIC))


@pytest.mark.parametrize(
    "data",
    [
        torch.zeros(1, 2, 2, 2, dtype=torch.bfloat16),
        torch.zeros(1, 2, 2, 2, dtype=torch.float64),
        torch.zeros(1, 2, 2, 2, requires_grad=True),
    ],
    ids=["bfloat16", "float64", "requires gradients"],
)
def test_tensors_that_are_no_plain_logits_are_left_to_the_function(data):
    assert partwise_resampled(LINEAR, data, (3, 3, 3), ISOTROPIC, ISOTROPIC) is None


def test_tensors_are_not_touched_if_the_function_is_a_clients():
    assert partwise_resampled(lambda *_: None, object(), (3, 3, 3), ISOTROPIC, ISOTROPIC) is None


def test_where_scipy_rounds_in_another_way_the_function_is_used(monkeypatch):
    linear_parts.has_bits_of_scipy.cache_clear()
    assert linear_parts.has_bits_of_scipy()
    linear_parts.has_bits_of_scipy.cache_clear()
    monkeypatch.setattr(linear_parts, "resize", lambda image, shape, *_, **__: np.nextafter(resized(image, shape), 9))
    assert partwise_resampled(LINEAR, values((6, 10, 15)), (9, 14, 11), ISOTROPIC, ISOTROPIC) is None
    linear_parts.has_bits_of_scipy.cache_clear()


def resized(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return resized_part(image, shape, [slice(0, length) for length in shape])
