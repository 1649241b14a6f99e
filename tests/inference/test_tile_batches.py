"""Batches and copies: on the CPU by what they do; `make test-gpu` compares what a GPU does with the CPU."""

import weakref
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nnunetv2.inference import predict_tiles as predict_tiles_module
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.inference.predict_tiles import TileWork, mean_of_mirrored, predict_tiles, predicted_tiles
from nnunetv2.inference.sliding_window_prediction import compute_gaussian, tile_slicers
from nnunetv2.inference.tile_batches import BatchSize, Returning, TileBatches, begun_ahead, sent, tiles_that_fill
from tests.factories.models import CPU, Trainer

CUDA = torch.device("cuda")
ON_CUDA = pytest.param(CUDA, marks=pytest.mark.gpu)
TILE = (8, 6)
IMAGE = torch.randn((2, 1, 37, 23), generator=torch.Generator().manual_seed(1))


class Bar:
    """Counts tiles."""

    done = 0

    def update(self) -> None:
        self.done += 1


def work_with(
    predict: Any, bar: Bar, results: torch.device = CPU, network: torch.device = CPU, **more: Any
) -> TileWork:
    weights = compute_gaussian(TILE, value_scaling_factor=10, device=results)
    return TileWork(predict, 3, weights, network, results, lambda total: nullcontext(bar), **more)


def network() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Conv2d(2, 3, 3, padding=1).eval()


def test_a_gpu_gets_as_many_voxels_whatever_the_tile_and_a_cpu_one_tile() -> None:
    assert tiles_that_fill(CPU, (512, 512), 3) == 1
    assert [tiles_that_fill(CUDA, (512, 512), channels) for channels in (16, 17, 100, 1000)] == [16, 15, 2, 1]
    assert [tiles_that_fill(CUDA, size, 3) for size in ((512, 512), (128, 128, 128), (8, 8), (4096, 4096))] == [
        16,
        2,
        16,
        1,
    ]


@pytest.mark.parametrize("size", [1, 2, 4, 1000])
@torch.inference_mode()
def test_batches_give_the_logits_of_single_tiles_and_count_each(size: int) -> None:
    slicers, layer, bar, sizes = tile_slicers(IMAGE.shape[1:], TILE, 0.5), network(), Bar(), []

    def predict(tiles: torch.Tensor) -> torch.Tensor:
        sizes.append(len(tiles))
        return torch.cat([layer(tile[None]) for tile in tiles])

    polls: list[int] = []
    work = work_with(predict, bar, batch_size=BatchSize(size), before_tile=lambda: polls.append(1))
    found = predict_tiles(IMAGE, slicers, work)
    expected = predict_tiles(IMAGE, slicers, work_with(layer, Bar()))
    assert torch.equal(found, expected)
    assert bar.done == len(slicers) == sum(sizes)
    assert max(sizes) == min(size, len(slicers))
    assert len(polls) == len(sizes)


def test_empty_tiles_are_looked_at_one_by_one() -> None:
    sizes: list[int] = []
    work = work_with(lambda tiles: sizes.append(len(tiles)) or tiles, Bar(), skips_empty=True, batch_size=BatchSize(4))
    list(predicted_tiles(torch.zeros(3, 1, 16, 12), tile_slicers((1, 16, 12), TILE, 1), work))
    assert sizes == [1]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("GET was unable to find an engine to execute this computation"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_a_device_without_memory_gets_smaller_batches_from_then_on(error: RuntimeError) -> None:
    sizes: list[int] = []

    def predict(tiles: torch.Tensor) -> torch.Tensor:
        sizes.append(len(tiles))
        if len(tiles) > 2:
            raise error
        return tiles * 2

    batches, tiles = TileBatches(predict, BatchSize(8)), torch.arange(7.0).reshape(7, 1, 1, 1)
    assert torch.equal(batches(tiles), tiles * 2)
    assert sizes == [7, 4, 2, 2, 2, 1]
    assert batches.size.tiles == 2
    assert torch.equal(batches(tiles[:2]), tiles[:2] * 2)


def test_images_that_follow_get_the_smaller_batches() -> None:
    slicers, layer, sizes = tile_slicers(IMAGE.shape[1:], TILE, 1), network(), []

    def predict(tiles: torch.Tensor) -> torch.Tensor:
        sizes.append(len(tiles))
        if len(tiles) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return layer(tiles)

    work = work_with(predict, Bar(), batch_size=BatchSize(10))
    for _ in range(2):
        list(predicted_tiles(IMAGE, slicers, work))
    assert [size for size in sizes if size > 3] == [10, 5]


def test_a_tile_for_which_there_is_no_memory_is_an_error_and_batches_are_not_to_blame() -> None:
    def predict(tiles: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    batches = TileBatches(predict, BatchSize(2))
    with pytest.raises(RuntimeError, match="out of memory"):
        batches(torch.zeros(2, 1, 1, 1))
    assert batches.size.tiles == 2


def test_a_predictor_remembers_the_size_of_batches_until_its_device_changes(rgb_model: Path) -> None:
    predictor = nnUNetPredictor(device=CPU)
    predictor.initialize_from_trained_model_folder(rgb_model, None)
    predictor.device = CUDA
    predictor._tile_work(False).batch_size.reduce(16)
    assert predictor._tile_work(False).batch_size.tiles == 8
    predictor.device = CPU
    assert predictor._tile_work(False).batch_size.tiles == 1
    assert nnUNetPredictor(device=CPU)._batch_size.tiles == 1


class Counting(nn.Conv2d):
    """Notes how many of its former predictions are in memory when it is called."""

    def __init__(self) -> None:
        super().__init__(2, 3, 1)
        self.made: list[weakref.ref[torch.Tensor]] = []
        self.alive: list[int] = []

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        self.alive.append(sum(prediction() is not None for prediction in self.made))
        prediction = super().forward(batch)
        self.made.append(weakref.ref(prediction))
        return prediction


@pytest.mark.parametrize(("precision", "expected"), [("fp32", [0, 1, 1, 1]), ("bf16", [0, 0, 0, 0])])
@torch.inference_mode()
def test_of_the_mirrored_predictions_only_the_sum_stays_in_memory(
    monkeypatch: pytest.MonkeyPatch, precision: str, expected: list[int]
) -> None:
    monkeypatch.setenv("nnUNet_cpu_precision", precision)
    counting = Counting().eval()
    mean_of_mirrored(counting, IMAGE[:, 0][None], (0, 1))
    assert counting.alive == expected


def test_other_errors_are_not_tried_again() -> None:
    sizes: list[int] = []

    def predict(tiles: torch.Tensor) -> torch.Tensor:
        sizes.append(len(tiles))
        raise RuntimeError("expected 3 channels")

    with pytest.raises(RuntimeError, match="expected 3 channels"):
        TileBatches(predict, BatchSize(2))(torch.zeros(2, 1, 1, 1))
    assert sizes == [2]


class WithoutLockedMemory:
    """Stands for a tensor of a device where no memory can be locked."""

    shape, dtype = (1,), torch.half

    def __init__(self, device: torch.device):
        self.device = device

    def pin_memory(self) -> torch.Tensor:
        raise RuntimeError("CUDA error: OS call failed or operation not supported on this OS")

    def to(self, device: torch.device, non_blocking: bool = False) -> str:
        return f"on {device}"


def test_copies_are_plain_where_no_memory_can_be_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("CUDA error: out of memory")

    on_cpu: Any = WithoutLockedMemory(CPU)
    on_cuda: Any = WithoutLockedMemory(CUDA)
    assert sent(on_cpu, CUDA) == "on cuda"
    monkeypatch.setattr(torch, "empty", refuse)
    assert Returning(on_cuda, CPU).get() == "on cpu"


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_an_item_is_handed_on_when_the_next_was_made(count: int) -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(count):
            made.append(number)
            yield number

    handed_on = []
    for item in begun_ahead(items()):
        assert len(made) == min(item + 2, count)
        handed_on.append(item)
    assert handed_on == list(range(count))


class OfAClient(nnUNetPredictor):
    def _internal_maybe_mirror_and_predict(self, x: torch.Tensor) -> torch.Tensor:
        return super()._internal_maybe_mirror_and_predict(x)


def test_a_method_of_a_client_for_tiles_gets_them_one_by_one(rgb_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predictors = [kind(device=CPU) for kind in (nnUNetPredictor, OfAClient)]
    for predictor in predictors:
        predictor.initialize_from_trained_model_folder(rgb_model, None)
        predictor.device = CUDA
    assert [predictor._tiles_at_once().tiles for predictor in predictors] == [16, 1]
    monkeypatch.setattr(predictors[0], "_internal_maybe_mirror_and_predict", lambda x: x)
    assert predictors[0]._tiles_at_once().tiles == 1


@pytest.mark.parametrize("has_regions", [False, True])
def test_a_predictor_says_whether_its_channels_are_regions(monkeypatch: pytest.MonkeyPatch, has_regions: bool) -> None:
    predictor, said = nnUNetPredictor(device=CPU), []
    monkeypatch.setattr(
        predict_tiles_module, "call_for_each", lambda _, __, regions: said.append(regions) or iter([IMAGE])
    )
    predictor.label_manager = SimpleNamespace(has_regions=has_regions)
    predictor._internal_maybe_mirror_and_predict(IMAGE)
    assert said == [has_regions]


@pytest.mark.parametrize("device", [CPU, ON_CUDA])
def test_copies_arrive_whole(device: torch.device) -> None:
    tiles = torch.randn(4, 3, 64, 64)
    there = sent(tiles, device)
    assert there.device.type == device.type
    back = Returning(there * 2, CPU).get()
    assert back.device == CPU
    assert torch.equal(back, tiles * 2)
    assert Returning(there, device).get() is there


@pytest.mark.gpu
@pytest.mark.parametrize("results", [CPU, CUDA])
@torch.inference_mode()
def test_a_gpu_gives_the_logits_of_the_cpu(results: torch.device) -> None:
    slicers, layer = tile_slicers(IMAGE.shape[1:], TILE, 0.3), network()
    expected = predict_tiles(IMAGE, slicers, work_with(layer, Bar()))
    on_gpu = network().to(CUDA)
    for size in (1, 3, 16):
        found = predict_tiles(IMAGE, slicers, work_with(on_gpu, Bar(), results, CUDA, batch_size=BatchSize(size)))
        assert torch.allclose(found.cpu().float(), expected.float(), atol=0.01)


@pytest.mark.gpu
def test_files_get_the_labels_of_the_cpu_on_a_gpu_whatever_collects_the_results(
    rgb_model: Path, rgb_images: Path, tmp_path: Path
) -> None:
    from PIL import Image

    labels = []
    for number, (device, on_device) in enumerate([(CPU, False), (CUDA, False), (CUDA, True)]):
        predictor = nnUNetPredictor(device=device, perform_everything_on_device=on_device, allow_tqdm=False)
        predictor.initialize_from_trained_model_folder(rgb_model, None, trainer_class=Trainer)
        predictor.predict_from_files(rgb_images, tmp_path / str(number), False, True, 0, 0)
        labels.append(
            np.stack([np.asarray(Image.open(file)) for file in sorted((tmp_path / str(number)).glob("*.png"))])
        )
    assert (labels[1] == labels[0]).mean() > 0.99  # half precision
    assert (labels[2] == labels[1]).mean() > 0.99
