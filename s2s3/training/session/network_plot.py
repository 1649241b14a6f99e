"""Draws the network, with an optional package."""

import os
from collections.abc import Sequence

import torch
from torch import nn


def plot_network(network: nn.Module, input_shape: Sequence[int], device: torch.device, folder: str) -> None:
    """Write network_architecture.pdf; needs the package hiddenlayer (ModuleNotFoundError without it)."""
    import hiddenlayer

    graph = hiddenlayer.build_graph(network, torch.rand(tuple(input_shape), device=device), transforms=None)
    graph.build_dot().render(os.path.join(folder, "network_architecture"), format="pdf", cleanup=True)
