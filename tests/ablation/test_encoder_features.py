"""Moments of the bottleneck."""

import numpy as np
import pytest
import torch
from torch import nn

from nnunetv2.ablation.encoder_features import ChannelMoments, recording_bottleneck


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList([nn.Conv2d(1, 2, 1), nn.Conv2d(2, 3, 2, stride=2)])

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        for stage in self.stages:
            image = stage(image)
        return image


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.encoder(image).sum()


def test_moments_are_those_of_all_pixels_of_all_patches() -> None:
    patches = [torch.randn(2, 3, 4, 5), torch.randn(1, 3, 6, 2)]
    moments = ChannelMoments()
    for patch in patches:
        moments.add(patch)
    values = np.concatenate([patch.transpose(0, 1).flatten(1).numpy() for patch in patches], axis=1)
    assert moments.to_list() == pytest.approx([*values.mean(axis=1), *values.std(axis=1)], rel=1e-4, abs=1e-5)


def test_the_last_encoder_stage_is_recorded_while_the_context_is_open() -> None:
    network, image = Network(), torch.randn(1, 1, 8, 8)
    with torch.no_grad(), recording_bottleneck(network) as moments:
        network(image)
        expected = network.encoder(image)[0].flatten(1).double()
    network(image * 100)
    assert moments.to_list()[:3] == pytest.approx(expected.mean(dim=1).tolist(), rel=1e-4, abs=1e-5)


def test_networks_of_another_build_have_no_features() -> None:
    network = nn.Conv2d(1, 1, 1)
    with recording_bottleneck(network) as moments:
        network(torch.zeros(1, 1, 4, 4))
    assert moments.to_list() == []
