"""What is measured of training steps while they run."""

import time
from collections.abc import Iterator

import pytest
import torch

from nnunetv2.training.limits import pace
from nnunetv2.training.limits.gpu_use import GpuUse
from nnunetv2.training.limits.pace import Pace, augmentation_of, is_due
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.training.nnUNetTrainer.variants.data_augmentation.nnUNetTrainerDA5 import nnUNetTrainerDA5
from nnunetv2.training.nnUNetTrainer.variants.data_augmentation.nnUNetTrainerFastDA import nnUNetTrainerFastDA
from nnunetv2.training.nnUNetTrainer.variants.data_augmentation.nnUNetTrainerGPUAugmentation import (
    nnUNetTrainerGPUAugmentation,
)

CPU = torch.device("cpu")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(pace.time, "perf_counter", lambda: now[0])
    return now


def slow_batches(clock: list[float], *seconds: float) -> Iterator[int]:
    for number, duration in enumerate(seconds):
        clock[0] += duration
        yield number


def test_the_share_of_waiting_leaves_out_the_first_step(clock: list[float]) -> None:
    measuring = Pace(slow_batches(clock, 100.0, 3.0, 1.0), CPU)
    for step_seconds in (50.0, 2.0, 2.0):
        measuring.next_batch()
        clock[0] += step_seconds
    result = measuring.measured(nnUNetTrainer)
    assert result is not None
    assert result.waiting_share == pytest.approx(4 / 8)
    assert (result.device, result.workers, result.worker_share) == ("cpu", 0, None)


def test_one_step_is_too_little_to_measure() -> None:
    measuring = Pace(iter([1]), CPU)
    assert measuring.next_batch() == 1
    assert measuring.measured(nnUNetTrainer) is None


@pytest.mark.parametrize(
    ("trainer", "augmentation"),
    [
        (nnUNetTrainer, "default"),
        (nnUNetTrainerFastDA, "fast"),
        (nnUNetTrainerGPUAugmentation, "device"),
        (nnUNetTrainerDA5, "own"),
        (type("Subclass", (nnUNetTrainerFastDA,), {}), "fast"),
        (int, "own"),
    ],
)
def test_the_augmentation_is_that_of_the_class_that_defines_it(trainer: type, augmentation: str) -> None:
    assert augmentation_of(trainer) == augmentation


def test_the_first_epoch_of_a_process_and_every_tenth_are_reported() -> None:
    assert [epoch for epoch in range(30) if is_due(epoch, 0)] == [0, 9, 19, 29]
    assert [epoch for epoch in range(14, 30) if is_due(epoch, 14)] == [14, 19, 29]


def test_use_of_a_gpu_is_not_known_without_one_or_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    use = GpuUse(CPU)
    use.sample()
    assert (use.share, use.memory()) == (None, (None, None))
    monkeypatch.setattr(torch.cuda, "utilization", lambda device: 1 / 0)
    gpu = GpuUse(torch.device("cuda", 0))
    gpu.sample()
    assert gpu.share is None


def test_the_use_of_a_gpu_is_the_mean_of_samples_at_least_a_second_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    told = iter([40, 80])
    moments = iter([0.0, 0.5, 1.5])
    monkeypatch.setattr(torch.cuda, "utilization", lambda device: next(told))
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    gpu = GpuUse(torch.device("cuda", 0))
    for _ in range(3):
        gpu.sample()
    assert gpu.share == pytest.approx(0.6)
