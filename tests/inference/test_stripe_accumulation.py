"""The reference is the accumulation of whole images in memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from nnunetv2.inference.network_input import pad_to_tile
from nnunetv2.inference.sliding_window_prediction import compute_gaussian, tile_slicers
from nnunetv2.inference.stripe_accumulation import Band, StripeAccumulation
from nnunetv2.inference.stripe_grid import StripeGrid
from nnunetv2.inference.tile_accumulation import InvalidLogitsError, TileSum, all_finite, mean_of_folds
from nnunetv2.pathology.outputs.band_layout import BandLayout
from nnunetv2.pathology.prediction.band_labels import band_labels, band_probabilities
from nnunetv2.utilities.label_handling.label_handling import LabelManager

CPU = torch.device("cpu")
TILE = (24, 32)
SIZES = [(24, 32), (100, 75), (61, 130), (17, 90)]
STEPS = [0.3, 0.5, 1.0]
BLOCK_WIDTHS = [20, 48, 1000]
BAND_HEIGHTS = [10, 40, 1000]
WEIGHTS = compute_gaussian(TILE, value_scaling_factor=10, device=CPU)
Network = Callable[[torch.Tensor], torch.Tensor]


def convolution(scale: float = 1.0) -> Network:
    layer = torch.nn.Conv2d(3, 3, 5, padding=2, bias=False)
    torch.nn.init.normal_(layer.weight, generator=torch.Generator().manual_seed(1))

    @torch.no_grad()
    def predict(tile: torch.Tensor) -> torch.Tensor:
        return layer(tile) * scale

    return predict


def image_of(size: tuple[int, int]) -> torch.Tensor:
    return torch.rand((3, *size), generator=torch.Generator().manual_seed(2))


def in_memory(image: torch.Tensor, network: Network, step: float, dtype: torch.dtype = torch.half) -> torch.Tensor:
    padded, crop = pad_to_tile(image, TILE)
    total = TileSum(3, padded.shape[1:], WEIGHTS, CPU, dtype)
    for place in tile_slicers(padded.shape[1:], TILE, step):
        total.add(network(padded[place][None].clone())[0], place)
    return total.mean()[crop]


def stripes(
    image: torch.Tensor, network: Network, step: float, block_width: int, band_height: int, **options
) -> StripeAccumulation:
    padded, crop = pad_to_tile(image, TILE)
    above, before = (part.start for part in crop[1:])

    def predict_row(top: int, lefts: Sequence[int]) -> Iterator[torch.Tensor]:
        for left in lefts:
            rows, columns = (slice(a, a + b) for a, b in zip((top + above, left + before), TILE, strict=True))
            yield network(padded[None, :, rows, columns].clone())[0]

    layout = BandLayout(*image.shape[1:], block_width, band_height)
    return StripeAccumulation(StripeGrid(layout, TILE, step), predict_row, 3, WEIGHTS, CPU, **options)


def put_together(bands: Iterable[Band], shape: Sequence[int], dtype: torch.dtype = torch.half) -> torch.Tensor:
    whole = torch.full(tuple(shape), torch.nan, dtype=dtype)
    for band in bands:
        whole[:, slice(*band.rows), slice(*band.columns)] = band.logits
    return whole


def kept(bands: Iterable[Band]) -> list[Band]:
    """Return bands with memory of their own."""
    return [replace(band, logits=band.logits.clone()) for band in bands]


def all_bands(accumulation: StripeAccumulation) -> Iterator[Band]:
    for block in range(len(accumulation.grid.layout.blocks)):
        yield from accumulation.bands_of_block(block)


@pytest.mark.parametrize(("size", "step"), list(product(SIZES, STEPS)))
def test_bands_equal_the_prediction_in_memory_bit_for_bit(size, step):
    image, network = image_of(size), convolution()
    expected = in_memory(image, network, step)
    for block_width, band_height in product(BLOCK_WIDTHS, BAND_HEIGHTS):
        accumulation = stripes(image, network, step, block_width, band_height)
        assert torch.equal(put_together(all_bands(accumulation), expected.shape), expected), (block_width, band_height)


def test_the_mean_of_folds_equals_that_in_memory_bit_for_bit():
    image, networks = image_of((61, 130)), [convolution(scale) for scale in (1.0, 0.3, -0.7)]
    expected = mean_of_folds(in_memory(image, network, 0.5) for network in networks)

    def all_folds(tile: torch.Tensor) -> torch.Tensor:
        return torch.cat([network(tile) for network in networks], dim=1)

    bands = all_bands(stripes(image, all_folds, 0.5, 48, 40, folds=3))
    assert torch.equal(put_together(bands, expected.shape), expected)


def test_folds_whose_mean_is_within_half_precision_though_a_sum_is_not_are_summed_with_float32():
    image, networks = image_of((61, 130)), [convolution(scale) for scale in (1e4, -9e3)]
    exact = mean_of_folds(in_memory(image, network, 0.5, torch.float32) for network in networks)
    bands = all_bands(stripes(image, lambda tile: torch.cat([n(tile) for n in networks], 1), 0.5, 48, 40, folds=2))
    assert torch.equal(put_together(bands, exact.shape), exact.half())


@pytest.mark.parametrize("size", SIZES[1:3])
def test_a_run_resumed_at_any_band_gives_the_same_bits(size):
    image, network = image_of(size), convolution()
    accumulation = stripes(image, network, 0.5, 48, 10)
    whole = kept(accumulation.bands_of_block(0))
    for first in range(1, len(whole)):
        resumed = kept(accumulation.bands_of_block(0, range(first, len(whole))))
        assert all(torch.equal(a.logits, b.logits) for a, b in zip(whole[first:], resumed, strict=True))


def test_bands_after_a_gap_are_those_of_an_undisturbed_run():
    accumulation = stripes(image_of((100, 75)), convolution(), 0.5, 48, 10)
    whole = kept(accumulation.bands_of_block(1))
    some = kept(accumulation.bands_of_block(1, [0, 1, 4, 5, 9]))
    assert [band.band for band in some] == [0, 1, 4, 5, 9]
    assert all(torch.equal(band.logits, whole[band.band].logits) for band in some)


@pytest.mark.parametrize("step", STEPS)
def test_skipping_tiles_outside_the_gate_changes_nothing_inside(step):
    image, network = image_of((100, 130)), convolution()
    inside = np.zeros((100, 130), bool)
    inside[30:52, 40:61] = inside[80:84, 100:125] = True

    def gate(top: int, left: int) -> bool:
        return bool(inside[max(top, 0) : top + TILE[0], max(left, 0) : left + TILE[1]].any())

    expected = in_memory(image, network, step)
    for block_width, band_height in product(BLOCK_WIDTHS, BAND_HEIGHTS):
        bands = kept(all_bands(stripes(image, network, step, block_width, band_height, gate=gate)))
        logits = put_together(bands, expected.shape)
        assert torch.equal(logits[:, inside], expected[:, inside])
        assert not any(band.logits[:, ~band.covered].any() for band in bands)


def test_all_bands_of_a_block_lie_in_the_memory_of_its_sums():
    bands = stripes(image_of((100, 75)), convolution(), 0.5, 48, 10).bands_of_block(0)
    assert len({band.logits.untyped_storage().data_ptr() for band in bands}) == 1


def test_each_tile_of_a_block_is_predicted_once():
    seen = []
    accumulation = stripes(image_of((100, 75)), convolution(), 0.5, 1000, 10)

    def counting(top: int, lefts: Sequence[int]) -> Iterable[torch.Tensor]:
        seen.extend((top, left) for left in lefts)
        return accumulation.predict_row(top, lefts)

    list(all_bands(StripeAccumulation(accumulation.grid, counting, 3, WEIGHTS, CPU)))
    assert sorted(seen) == list(product(accumulation.grid.rows, accumulation.grid.columns))


@pytest.mark.parametrize("dtype", [torch.float32, torch.half, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_logits_that_a_network_returns_again_and_again_stay_as_they_are(dtype, scale):
    """As of one that has an answer ready for glass, or one channel for all classes; with sums beyond half, too."""
    channel = torch.randn((1, *TILE), generator=torch.Generator().manual_seed(3)) * scale
    given, image = channel.to(dtype).expand(3, -1, -1), image_of((61, 130))
    before = given.clone()
    sums = torch.half if scale == 1.0 else torch.float32
    expected = in_memory(image, lambda tile: before.clone()[None], 0.5, sums).half()
    found = put_together(all_bands(stripes(image, lambda tile: given[None], 0.5, 48, 1000)), expected.shape)
    assert torch.equal(found, expected)
    assert torch.equal(given, before)


@pytest.mark.parametrize(("change", "error"), [(1, ValueError), (-1, RuntimeError)])
def test_more_or_fewer_tiles_than_asked_for_are_noticed(change, error):
    accumulation = stripes(image_of((100, 75)), convolution(), 0.5, 1000, 10)

    def predict_row(top: int, lefts: Sequence[int]) -> Iterator[torch.Tensor]:
        return (torch.zeros(3, *TILE) for _ in range(len(lefts) + change))

    with pytest.raises(error):
        list(replace(accumulation, predict_row=predict_row).bands_of_block(0))


def test_a_band_that_half_precision_cannot_sum_is_summed_with_float32():
    image = image_of((100, 75))
    image[:, :30] *= 3000
    network = convolution()
    expected = in_memory(image, network, 0.5, torch.float32).half()
    accumulation = stripes(image, network, 0.5, 48, 10)
    for block in (0, 1):
        bands = kept(accumulation.bands_of_block(block))
        assert all(band.logits.dtype is torch.half for band in bands)
        rows, columns = slice(*bands[0].rows), slice(*bands[0].columns)
        assert torch.equal(bands[0].logits, expected[:, rows, columns])
    calm = stripes(image_of((100, 75)), network, 0.5, 48, 10).bands_of_block(1, [9])
    assert torch.equal(bands[9].logits, next(calm).logits)


def test_logits_beyond_half_precision_stay_float32():
    image = image_of((60, 75)) * 1e5
    bands = stripes(image, convolution(), 0.5, 1000, 1000).bands_of_block(0)
    assert torch.equal(next(bands).logits, in_memory(image, convolution(), 0.5, torch.float32))


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("dtype", [torch.half, torch.bfloat16, torch.float32])
def test_a_value_that_is_not_finite_is_found_in_any_part(value, dtype):
    logits = torch.zeros((2100, 1000), dtype=dtype)
    assert all_finite(logits)
    for row in (0, 1047, 1048, 2099):
        changed = logits.clone()
        changed[row, 999] = value
        assert not all_finite(changed)


@pytest.mark.parametrize("shape", [(0,), (0, 5), (5, 0), (3, 4, 0)])
def test_an_empty_array_counts_as_finite(shape):
    assert all_finite(torch.zeros(shape))


@pytest.mark.parametrize(("value", "words"), [(torch.nan, "NaN"), (torch.inf, "infinite values")])
def test_a_tile_that_is_not_finite_is_named(value, words):
    image = image_of((100, 75))
    image[:, 99, 74] = value
    with pytest.raises(InvalidLogitsError, match=f"predicted {words} for the tile at x=43, y=76"):
        list(all_bands(stripes(image, lambda tile: tile.clone(), 0.5, 48, 10)))


def a_band(values: list[list[float]], covered: list[bool]) -> Band:
    logits = torch.tensor(values).half()[:, None]
    return Band(0, 0, (0, 1), (0, logits.shape[2]), logits, torch.tensor([covered]))


def test_labels_are_those_of_the_largest_channel_and_0_outside_the_gate():
    band = a_band([[1, 0, 0, 0, 0], [0, 2, 2, 3, 3], [0, 0, 2, 4, 4]], [True, True, True, True, False])
    labels = LabelManager({"background": 0, "a": 1, "b": 2}, None)
    assert band_labels(band, labels).tolist() == [[0, 1, 1, 2, 0]]
    assert band_labels(band, labels).dtype == np.uint8
    inside = np.array([[True, False, True, True, True]])
    assert band_labels(band, labels, inside).tolist() == [[0, 0, 1, 2, 0]]


def test_labels_that_skip_numbers_and_large_ones_are_written_as_they_are_declared():
    band = a_band([[0, 1], [1, 0]], [True, True])
    assert band_labels(band, LabelManager({"background": 0, "a": 300}, None)).tolist() == [[300, 0]]


def test_regions_are_written_by_their_thresholds_in_order():
    labels = LabelManager({"background": 0, "whole": [1, 2], "core": [2]}, [1, 2])
    band = a_band([[1, 1, -1], [-1, 1, -1]], [True, True, True])
    assert band_labels(band, labels).tolist() == [[1, 2, 0]]
    outside = a_band([[5], [5]], [False])
    assert band_probabilities(outside, labels).tolist() == [[[0]], [[0]]]


def test_probabilities_are_the_softmax_in_255_steps_and_background_outside():
    labels = LabelManager({"background": 0, "a": 1}, None)
    band = a_band([[0, 0], [np.log(3), 9]], [True, False])
    assert band_probabilities(band, labels).tolist() == [[[64, 255]], [[191, 0]]]


def test_coarser_probabilities_are_means_also_of_the_part_of_a_block_that_exists():
    labels = LabelManager({"background": 0, "a": 1, "b": 2}, None)
    logits = torch.randn((3, 300, 11), generator=torch.manual_seed(0)).half()
    band = Band(0, 0, (0, 300), (0, 11), logits, torch.ones((300, 11), dtype=torch.bool))
    fine = band_probabilities(band, labels)[2].astype(float)
    coarse = band_probabilities(band, labels, None, [2], 8)
    assert coarse.shape == (1, 38, 2)
    for row, column in ((0, 0), (16, 1), (37, 1)):
        expected = fine[8 * row : 8 * row + 8, 8 * column : 8 * column + 8].mean()
        assert abs(coarse[0, row, column] - expected) <= 1
