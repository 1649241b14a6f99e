import torch
from torch import nn

from nnunetv2.networks.compiled_networks import load_weights


def test_new_weights_count_within_reduced_precision_which_keeps_the_old_ones() -> None:
    network, image = nn.Conv2d(1, 1, 1, bias=False), torch.ones(1, 1, 1, 1)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for value in (1.0, 2.0, 1.0):
            load_weights(network, {"weight": torch.full((1, 1, 1, 1), value)})
            assert network(image).item() == value
