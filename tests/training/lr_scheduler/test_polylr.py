import pytest
import torch

from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler


@pytest.fixture
def optimizer() -> torch.optim.Optimizer:
    parameters = [torch.nn.Parameter(torch.zeros(2)) for _ in range(2)]
    return torch.optim.SGD([{"params": [p]} for p in parameters], lr=0.5)


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [(0, 1e-2), (1, 0.009990999549834914), (500, 0.005358867312681466), (999, 1.995262314968881e-05)],
)
def test_the_rate_falls_like_nnunets(optimizer, epoch, expected) -> None:
    scheduler = PolyLRScheduler(optimizer, 1e-2, 1000)
    scheduler.step(epoch)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([expected] * 2, rel=1e-12)
    assert scheduler.get_last_lr() == [group["lr"] for group in optimizer.param_groups]


def test_construction_sets_the_first_rate_and_keeps_the_optimizers_own_as_initial(optimizer) -> None:
    PolyLRScheduler(optimizer, 1e-2, 1000)
    assert optimizer.param_groups[0]["lr"] == 1e-2
    assert optimizer.param_groups[0]["initial_lr"] == 0.5


def test_without_argument_it_counts_from_one(optimizer) -> None:
    scheduler = PolyLRScheduler(optimizer, 1e-2, 1000)
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.009990999549834914, rel=1e-12)
