import numpy as np
import pytest
import torch

from nnunetv2.inference.sliding_window_prediction import (
    compute_gaussian,
    compute_steps_for_sliding_window,
    mirror_combinations,
    tile_slicers,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("image", "tile", "step", "starts"),
    [
        (110, 64, 0.5, [0, 23, 46]),
        (65, 64, 0.5, [0, 1]),
        (100, 64, 1, [0, 36]),
        (129, 64, 1, [0, 32, 65]),
        (97, 33, 0.5, [0, 16, 32, 48, 64]),
        (200, 48, 0.5, [0, 22, 43, 65, 87, 109, 130, 152]),
        (100, 64, 0.25, [0, 12, 24, 36]),
        (64, 64, 0.5, [0]),
        (40, 64, 0.5, [0]),
    ],
)
def test_tile_starts_equal_the_reference_values(image: int, tile: int, step: float, starts: list[int]) -> None:
    assert compute_steps_for_sliding_window((image,), (tile,), step) == [starts]


@pytest.mark.parametrize("step", [0, -0.5, 1.1])
def test_a_step_outside_its_range_is_refused(step: float) -> None:
    with pytest.raises(AssertionError, match="tile_step_size"):
        compute_steps_for_sliding_window((10,), (5,), step)


def test_the_importance_map_equals_the_reference_values() -> None:
    rows = [
        [1.13249e-06, 9.58443e-05, 0.00137901, 0.00335503, 0.00137901, 9.58443e-05],
        [0.000453949, 0.0386658, 0.556152, 1.35352, 0.556152, 0.0386658],
        [0.00335503, 0.285645, 4.10938, 10, 4.10938, 0.285645],
    ]
    importance = compute_gaussian((4, 6), value_scaling_factor=10, device=CPU)
    assert importance.dtype == torch.float16
    np.testing.assert_allclose(importance.double().numpy(), [*rows, rows[1]], rtol=5e-6)


def test_factor_one_gives_the_reference_corner_and_centre() -> None:
    importance = compute_gaussian((4, 6), device=CPU)
    assert importance[0, 0].item() == pytest.approx(1.1920929e-07, rel=1e-6)
    assert importance[2, 3].item() == 1


@pytest.mark.parametrize(
    ("tile", "minimum", "count", "total"),
    [
        ((64, 64), 1.1324883e-06, 1, 4020.725),
        ((128, 128, 128), 5.9604645e-08, 18987, 644986.16),
        ((20, 320, 256), 5.9604645e-08, 15529, 503885.68),
    ],
)
def test_larger_importance_maps_equal_the_reference_values(
    tile: tuple[int, ...], minimum: float, count: int, total: float
) -> None:
    importance = compute_gaussian(tile, value_scaling_factor=10, device=CPU).double()
    assert importance.min().item() == pytest.approx(minimum, rel=1e-6)
    assert int((importance == importance.min()).sum()) == count
    assert importance.sum().item() == pytest.approx(total, rel=1e-7)


def test_the_importance_map_is_cached_and_the_cache_can_be_cleared() -> None:
    compute_gaussian.cache_clear()
    assert compute_gaussian((8, 8), device=CPU) is compute_gaussian((8, 8), device=CPU)
    compute_gaussian.cache_clear()
    assert compute_gaussian.cache_info().currsize == 0


def test_two_dimensional_tiles_visit_every_slice_of_a_volume_with_the_last_axis_fastest() -> None:
    slicers = tile_slicers((2, 5, 7), (4, 6), 0.5)
    assert len(slicers) == 2 * 2 * 2
    assert slicers[0] == (slice(None), 0, slice(0, 4), slice(0, 6))
    assert slicers[1] == (slice(None), 0, slice(0, 4), slice(1, 7))
    assert slicers[2] == (slice(None), 0, slice(1, 5), slice(0, 6))
    assert slicers[4][1] == 1


def test_mirror_combinations_come_by_size_then_in_order_of_the_axes() -> None:
    assert mirror_combinations((0, 1, 2)) == [(2,), (3,), (4,), (2, 3), (2, 4), (3, 4), (2, 3, 4)]
    assert mirror_combinations(()) == []
