"""The reference is the sliding window over the whole image in memory."""

from collections.abc import Iterator
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from nnunetv2.inference import predict_stripes
from nnunetv2.inference.network_input import pad_to_tile
from nnunetv2.inference.predict_stripes import PaddedPlane, StripeWork
from nnunetv2.inference.predict_tiles import TileWork, predict_tiles
from nnunetv2.inference.sliding_window_prediction import compute_gaussian, tile_slicers
from nnunetv2.inference.tile_accumulation import InvalidLogitsError, LogitOverflowError, mean_of_folds

CPU = torch.device("cpu")
TILE = (24, 32)
SIZES = [(24, 32), (100, 75), (61, 130), (17, 90), (90, 17), (5, 6)]


class PlaneInMemory:
    def __init__(self, size: tuple[int, int]):
        self.values = np.random.default_rng(2).random((3, *size), dtype=np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self.values), 1, *self.values.shape[1:]

    def part(self, rows: slice, columns: slice) -> np.ndarray:
        return self.values[:, rows, columns].copy()


class Folds:
    """A network with the weights of several folds."""

    def __init__(self, count: int):
        self.layer = torch.nn.Conv2d(3, 3, 5, padding=2, bias=False).requires_grad_(False)
        generator = torch.Generator().manual_seed(1)
        self.weights = [torch.randn(self.layer.weight.shape, generator=generator) for _ in range(count)]
        self.loaded: list[int] = []

    def load(self, fold: int) -> None:
        self.loaded.append(fold)
        self.layer.weight.copy_(self.weights[fold])

    @property
    def loaders(self) -> list:
        return [lambda fold=fold: self.load(fold) for fold in range(len(self.weights))]


def tile_work(network: Folds, gaussian: bool = True) -> TileWork:
    weights = compute_gaussian(TILE, value_scaling_factor=10, device=CPU) if gaussian else None
    bar = SimpleNamespace(update=lambda: None)
    return TileWork(lambda tile: network.layer(tile), 3, weights, CPU, CPU, lambda total: nullcontext(bar))


def stripe_work(plane: PlaneInMemory, network: Folds, step: float = 0.5, gaussian: bool = True) -> StripeWork:
    padded = PaddedPlane(plane, TILE)
    slicers = tile_slicers(padded.shape[1:], TILE, step)
    return StripeWork(padded, slicers, step, tile_work(network, gaussian), network.loaders)


def in_memory(plane: PlaneInMemory, network: Folds, step: float = 0.5, gaussian: bool = True) -> torch.Tensor:
    image, crop = pad_to_tile(torch.from_numpy(plane.values[:, None]), TILE)
    slicers = tile_slicers(image.shape[1:], TILE, step)

    def logits_of_folds() -> Iterator[torch.Tensor]:
        for load in network.loaders:
            load()
            yield predict_tiles(image, slicers, tile_work(network, gaussian))[crop]

    return mean_of_folds(logits_of_folds())[:, 0]


@pytest.fixture
def low_stripes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict_stripes, "BAND_HEIGHT_PX", 10)


@pytest.mark.usefixtures("low_stripes")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", [0.3, 0.5, 1.0])
def test_stripes_have_the_bits_of_the_whole_image(size, step):
    plane = PlaneInMemory(size)
    for count, gaussian in ((1, True), (1, False), (3, True)):
        stripes = [(rows, logits.clone()) for rows, logits in stripe_work(plane, Folds(count), step, gaussian).logits()]
        assert [rows[0] for rows, _ in stripes[1:]] == [rows[1] for rows, _ in stripes[:-1]]
        whole = torch.cat([logits for _, logits in stripes], dim=1)
        assert torch.equal(whole, in_memory(plane, Folds(count), step, gaussian))


@pytest.mark.parametrize("size", SIZES)
def test_tiles_of_a_padded_plane_are_those_of_the_padded_image(size):
    plane = PlaneInMemory(size)
    image, _ = pad_to_tile(torch.from_numpy(plane.values[:, None]), TILE)
    padded = PaddedPlane(plane, TILE)
    assert padded.shape == image.shape
    assert all(torch.equal(padded[where], image[where]) for where in tile_slicers(image.shape[1:], TILE, 0.5))


@pytest.mark.usefixtures("low_stripes")
def test_weights_are_loaded_when_the_fold_changes_and_not_otherwise():
    plane, alone, two = PlaneInMemory((60, 40)), Folds(1), Folds(2)
    list(stripe_work(plane, alone).logits())
    assert alone.loaded == [0]
    list(stripe_work(plane, two).logits())
    assert two.loaded[:4] == [0, 1, 0, 1]


@pytest.mark.usefixtures("low_stripes")
def test_no_more_than_a_stripe_and_a_row_of_tiles_is_read_before_a_stripe_is_handed_on():
    plane, read = PlaneInMemory((100, 40)), []
    part = plane.part

    def noting(rows: slice, columns: slice) -> np.ndarray:
        read.append(rows.stop)
        return part(rows, columns)

    plane.part = noting
    for rows, _ in stripe_work(plane, Folds(1)).logits():
        assert max(read) <= rows[1] + TILE[0]


@pytest.mark.usefixtures("low_stripes")
@pytest.mark.parametrize(("factor", "folds"), [(3e4, 1), (3e3, 40)])
def test_logits_beyond_half_precision_are_left_to_the_whole_image(factor, folds):
    network = Folds(folds)
    for weights in network.weights:
        weights.copy_(network.weights[0].abs() * factor / 37)
    with pytest.raises(LogitOverflowError):
        list(stripe_work(PlaneInMemory((40, 40)), network, gaussian=False).logits())


def test_nan_is_refused():
    plane = PlaneInMemory((40, 40))
    plane.values[0, 3, 3] = np.nan
    with pytest.raises(InvalidLogitsError, match="NaN"):
        list(stripe_work(plane, Folds(1)).logits())
