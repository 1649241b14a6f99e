import pytest
import torch

from nnunetv2.training.lr_scheduler.warmup import (
    CosineAnnealingLR_offset,
    Lin_incr_LRScheduler,
    Lin_incr_offset_LRScheduler,
    PolyLRScheduler_offset,
)


@pytest.fixture
def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=0.02)


def rates(scheduler, steps: list[int]) -> list[float]:
    collected = []
    for step in steps:
        scheduler.step(step)
        collected.append(scheduler.optimizer.param_groups[0]["lr"])
    return collected


def test_warm_up_reaches_the_maximum_at_its_last_step(optimizer) -> None:
    assert rates(Lin_incr_LRScheduler(optimizer, 0.02, 4), [0, 1, 2, 3]) == pytest.approx([0.005, 0.01, 0.015, 0.02])


def test_a_warm_up_with_offset_counts_from_its_start(optimizer) -> None:
    assert rates(Lin_incr_offset_LRScheduler(optimizer, 0.02, 4, 10), [10, 13]) == pytest.approx([0.005, 0.02])


def test_the_decay_waits_for_its_start(optimizer) -> None:
    measured = rates(PolyLRScheduler_offset(optimizer, 0.02, 20, 5), [0, 5, 9, 20])
    assert measured == pytest.approx([0.02, 0.02, 0.02 * (1 - 4 / 15) ** 0.9, 0])


def test_the_cosine_without_offset_equals_torchs(optimizer) -> None:
    torchs = torch.optim.lr_scheduler.CosineAnnealingLR(
        torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=0.02), T_max=10
    )
    expected = []
    for _ in range(10):
        expected.append(torchs.get_last_lr()[0])
        torchs.optimizer.step()
        torchs.step()
    assert rates(CosineAnnealingLR_offset(optimizer, 10), list(range(10))) == pytest.approx(expected, rel=1e-12)


def test_the_cosine_waits_for_its_offset_and_ends_at_the_minimum(optimizer) -> None:
    scheduler = CosineAnnealingLR_offset(optimizer, 10, eta_min=0.002, offset=4)
    assert rates(scheduler, [0, 4, 7, 10]) == pytest.approx([0.02, 0.02, 0.011, 0.002])
