import copy

import torch
from torch import nn

from nnunetv2.training.steps.optimizer_step import automatic_precision, descend, to_device

CPU = torch.device("cpu")


def test_a_batch_goes_to_the_device_with_its_scales() -> None:
    data, target = to_device({"data": torch.ones(1), "target": [torch.ones(2), torch.ones(1)]}, CPU)

    assert data.shape == (1,)
    assert [scale.shape for scale in target] == [(2,), (1,)]


def test_the_cpu_computes_in_full_precision() -> None:
    with automatic_precision(CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_gradients_are_clipped_to_a_norm_of_12() -> None:
    network = nn.Linear(2, 1, bias=False)
    before = copy.deepcopy(network.weight.data)
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)

    descend(network(torch.tensor([[300.0, 400.0]])).sum(), network, optimizer, None)

    change = before - network.weight.data
    torch.testing.assert_close(change, torch.tensor([[7.2, 9.6]]), atol=1e-4, rtol=1e-5)


def test_small_gradients_are_not_changed() -> None:
    network = nn.Linear(1, 1, bias=False)
    before = network.weight.item()
    descend(network(torch.ones(1, 1)).sum(), network, torch.optim.SGD(network.parameters(), lr=0.5), None)

    assert abs(before - network.weight.item() - 0.5) < 1e-6


def test_a_scaler_scales_before_and_unscales_before_clipping() -> None:
    network = nn.Linear(1, 1, bias=False)
    before = network.weight.item()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)

    descend(network(torch.ones(1, 1)).sum(), network, optimizer, scaler)

    assert abs(before - network.weight.item() - 0.5) < 1e-6
