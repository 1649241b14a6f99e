import pytest
import torch
from torch import nn

from nnunetv2.utilities.network_initialization import InitWeights_He


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d])
def test_convolutions_get_kaiming_weights_and_zero_biases(kind):
    torch.manual_seed(0)
    layer = kind(2, 3, 3)
    torch.manual_seed(1)
    expected = nn.init.kaiming_normal_(torch.empty_like(layer.weight), a=0.2)
    torch.manual_seed(1)

    layer.apply(InitWeights_He(0.2))

    assert torch.equal(layer.weight, expected)
    assert not layer.bias.any()


def test_layers_without_bias_and_other_layers_are_accepted():
    network = nn.Sequential(nn.Conv2d(1, 1, 3, bias=False), nn.Linear(2, 2), nn.Conv1d(1, 1, 3))
    untouched = [parameter.clone() for parameter in network[1:].parameters()]

    network.apply(InitWeights_He())

    assert all(torch.equal(a, b) for a, b in zip(network[1:].parameters(), untouched, strict=True))
