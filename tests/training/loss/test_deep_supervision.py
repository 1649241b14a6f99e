import pytest
import torch

from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper


class CountingLoss(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return (x - y).abs().sum()


def outputs(*values: float) -> list[torch.Tensor]:
    return [torch.tensor([value]) for value in values]


def test_the_losses_are_weighted_and_summed() -> None:
    wrapper = DeepSupervisionWrapper(CountingLoss(), (0.75, 0.25))
    assert wrapper(outputs(1, 2), outputs(0, 0)).item() == 0.75 * 1 + 0.25 * 2


def test_outputs_of_weight_zero_are_not_computed() -> None:
    loss = CountingLoss()
    DeepSupervisionWrapper(loss, (1.0, 0.0))(outputs(1, 2), outputs(0, 0))
    assert loss.calls == 1


def test_without_weights_all_outputs_count_once() -> None:
    assert DeepSupervisionWrapper(CountingLoss())(outputs(1, 2), outputs(0, 0)).item() == 3


def test_a_single_tensor_is_refused() -> None:
    with pytest.raises(AssertionError, match="Tensor"):
        DeepSupervisionWrapper(CountingLoss(), (1.0,))(torch.zeros(1), torch.zeros(1))


def test_weights_that_are_all_zero_are_refused() -> None:
    with pytest.raises(AssertionError, match="all 0"):
        DeepSupervisionWrapper(CountingLoss(), (0.0, 0.0))
