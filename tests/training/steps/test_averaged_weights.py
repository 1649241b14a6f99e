"""Averages of weights."""

import pytest
import torch
from torch import nn

from nnunetv2.errors import CheckpointError
from nnunetv2.training.steps.averaged_weights import AveragedWeights, moving, uniform


def network(value: float) -> nn.Module:
    layer = nn.Linear(2, 1)
    nn.init.constant_(layer.weight, value)
    nn.init.constant_(layer.bias, value)
    return layer


def set_to(layer: nn.Module, value: float) -> None:
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(value)


def test_the_average_follows_the_formula() -> None:
    layer = network(0.0)
    average = AveragedWeights(layer, moving(0.5))
    expected = 0.0
    for step, value in enumerate([1.0, 3.0, -2.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0]):
        set_to(layer, value)
        average.update(layer)
        share = min(0.5, (1 + step) / (10 + step))
        expected = share * expected + (1 - share) * value
    average.put_into(layer)
    assert layer.bias.item() == pytest.approx(expected, rel=1e-6)


def test_a_uniform_average_counts_every_step_since_its_restart_the_same() -> None:
    layer = network(7.0)
    average = AveragedWeights(layer, uniform)
    for value in [100.0, 1.0, 3.0, -2.0]:
        set_to(layer, value)
        average.update(layer)
        if value == 100.0:
            average.restart()
    average.put_into(layer)
    assert layer.bias.item() == pytest.approx((1 + 3 - 2) / 3)


def test_putting_in_and_taking_out_twice_changes_nothing_more() -> None:
    layer = network(0.0)
    average = AveragedWeights(layer, moving(0.9))
    set_to(layer, 10.0)
    average.update(layer)
    for _ in range(2):
        average.put_into(layer)
        assert layer.bias.item() == pytest.approx(9.0)
    for _ in range(2):
        average.take_out_of(layer)
        assert layer.bias.item() == 10.0


def test_running_statistics_are_averaged_and_counters_are_not() -> None:
    layer = nn.BatchNorm1d(2)
    average = AveragedWeights(layer, moving(0.9))
    layer(torch.full((4, 2), 100.0) + torch.randn(4, 2))
    own = layer.running_mean.clone()
    average.update(layer)
    average.put_into(layer)
    torch.testing.assert_close(layer.running_mean, own * 0.9)
    assert layer.num_batches_tracked.item() == 1


def test_a_restored_average_goes_on_as_if_nothing_had_happened() -> None:
    one, other = network(0.0), network(0.0)
    average = AveragedWeights(one, moving(0.9))
    set_to(one, 5.0)
    average.update(one)
    average.put_into(one)
    other.load_state_dict(one.state_dict())
    restored = AveragedWeights(other, moving(0.9))
    restored.load_state_dict(average.state_dict(one), other)
    for layer, weights in ((one, average), (other, restored)):
        weights.take_out_of(layer)
        assert layer.bias.item() == 5.0
        set_to(layer, 7.0)
        weights.update(layer)
        weights.put_into(layer)
    assert one.bias.item() == other.bias.item()


@pytest.mark.parametrize(
    "changes",
    [
        {"updates": "5"},
        {"updates": -1},
        {"in_network": 1},
        {"other": None},
        {"other": {}},
        {"other": {"weight": torch.zeros(1, 2), "bias": torch.zeros(9)}},
        {"other": {"weight": torch.zeros(1, 2), "bias": 3.0}},
        {"other": {"weight": torch.zeros(1, 2), "bias": torch.zeros(1), "more": torch.zeros(1)}},
    ],
)
def test_a_state_of_another_form_or_network_is_refused(changes: dict) -> None:
    layer = network(1.0)
    average = AveragedWeights(layer, moving(0.9))
    state = average.state_dict(layer)
    with pytest.raises(CheckpointError, match="averaged weights"):
        average.load_state_dict({**state, **changes}, layer)
    with pytest.raises(CheckpointError, match="averaged weights"):
        average.load_state_dict({name: value for name, value in state.items() if name not in changes}, layer)
    assert average.state_dict(layer) == state
