"""A moving average of a network's weights, which takes their place for validation and in checkpoints."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

_WARM_UP_STEPS = 10


class AveragedWeights:
    """Exponential moving average of all floating-point weights and buffers of a network.

    After t updates the average keeps a share of min(decay, (1 + t) / (10 + t)) of its value, so that short trainings
    are not averaged with their random start. Other buffers (counters) are not averaged.

    Parameters:
        network: the plain network; its weights are the first average.
        decay: in (0, 1); 0.999 averages over about 1000 steps.
    """

    def __init__(self, network: nn.Module, decay: float):
        self._decay = decay
        self._updates = 0
        self._other = [tensor.detach().clone() for tensor in _averaged(network).values()]
        self.in_network = False
        """Whether the network has the average, and this object keeps its own weights meanwhile."""

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Add the weights of the network after a training step."""
        share = min(self._decay, (1 + self._updates) / (_WARM_UP_STEPS + self._updates))
        self._updates += 1
        torch._foreach_lerp_(self._other, list(_averaged(network).values()), 1 - share)

    @torch.no_grad()
    def put_into(self, network: nn.Module) -> None:
        """Give the network the average; do nothing if it has it."""
        if not self.in_network:
            self._exchange(network)

    @torch.no_grad()
    def take_out_of(self, network: nn.Module) -> None:
        """Give the network its own weights back; do nothing if it has them."""
        if self.in_network:
            self._exchange(network)

    def _exchange(self, network: nn.Module) -> None:
        tensors = list(_averaged(network).values())
        theirs = [tensor.detach().clone() for tensor in tensors]
        torch._foreach_copy_(tensors, self._other)
        self._other = theirs
        self.in_network = not self.in_network

    def state_dict(self, network: nn.Module) -> dict[str, Any]:
        """Return what resuming needs beside the network's weights of the same moment."""
        names = _averaged(network)
        return {
            "updates": self._updates,
            "in_network": self.in_network,
            "other": dict(zip(names, self._other, strict=True)),
        }

    def load_state_dict(self, state: Mapping[str, Any], network: nn.Module) -> None:
        """Restore the state; the network already has its weights of the same moment."""
        self._updates, self.in_network = state["updates"], state["in_network"]
        tensors = _averaged(network)
        self._other = [state["other"][name].to(tensor.device).clone() for name, tensor in tensors.items()]


def _averaged(network: nn.Module) -> dict[str, Tensor]:
    """Return the tensors to average, once each even if modules share them."""
    named = [*network.named_parameters(), *network.named_buffers()]
    return {name: tensor for name, tensor in named if tensor.is_floating_point()}
