"""Pooling, strides, kernels and padding; the numbers are those of nnU-Net 2.8.1."""

import pytest

from nnunetv2.experiment_planning.experiment_planners.network_topology import (
    get_pool_and_conv_props,
    get_shape_must_be_divisible_by,
    pad_shape,
)


def digits(text: str) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(map(int, stage)) for stage in text.split())


@pytest.mark.parametrize(
    ("spacing", "size", "patch", "strides", "kernels"),
    [
        ((1, 1, 1), (128, 128, 128), (128, 128, 128), "111 222 222 222 222 222", "333 333 333 333 333 333"),
        ((1, 1, 1), (9, 9, 9), (10, 10, 10), "111 222", "333 333"),
        ((1, 1, 1), (7, 7, 30), (7, 7, 32), "111 112 112", "333 333 333"),
        ((1, 1, 1), (6, 7, 7), (6, 7, 7), "111", "333"),
        ((1, 1, 1), (11, 8, 8), (12, 8, 8), "111 222", "333 333"),
        ((2.5, 0.7, 0.7), (48, 224, 192), (48, 224, 192), "111 122 222 222 222 122", "133 333 333 333 333 333"),
        (
            (9.5, 1.5, 1.5),
            (12, 256, 256),
            (12, 256, 256),
            "111 122 122 222 122 122 122",
            "133 133 333 333 333 333 333",
        ),
        ((1, 1), (512, 512), (512, 512), "11 22 22 22 22 22 22 22", "33 33 33 33 33 33 33 33"),
    ],
)
def test_strides_and_kernels_follow_spacing_and_size(
    spacing: tuple[float, ...], size: tuple[int, ...], patch: tuple[int, ...], strides: str, kernels: str
) -> None:
    _, got_strides, got_kernels, got_patch, _ = get_pool_and_conv_props(spacing, size, 4, 999999)

    assert got_patch == patch
    assert got_strides == digits(strides)
    assert got_kernels == digits(kernels)


def test_a_single_long_axis_of_less_than_three_edges_is_not_halved() -> None:
    pools, *_ = get_pool_and_conv_props((1, 1, 1), (4, 4, 11), 4, 999999)

    assert pools == [0, 0, 0]


def test_the_number_of_halvings_can_be_limited() -> None:
    pools, strides, _, _, divisors = get_pool_and_conv_props((1, 1), (512, 512), 4, 2)

    assert (pools, len(strides), divisors.tolist()) == ([2, 2], 3, [4, 4])


def test_fractional_sizes_are_rounded_up_to_the_divisor() -> None:
    pools, _, _, patch, divisors = get_pool_and_conv_props((1, 1, 1), (40.5, 33, 64), 4, 999)

    assert (pools, patch, divisors.tolist()) == ([3, 3, 3], (48, 40, 64), [8, 8, 8])
    assert pad_shape((40.5, 41), (1, 8)).tolist() == [41, 48]


def test_one_divisor_serves_all_axes() -> None:
    assert pad_shape((3, 8, 9), 4).tolist() == [4, 8, 12]
    assert get_shape_must_be_divisible_by([1, 2, 0]).tolist() == [2, 4, 1]
