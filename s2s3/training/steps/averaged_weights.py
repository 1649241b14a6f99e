"""An average of a network's weights over steps, which takes their place for validation and in checkpoints."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nnunetv2.errors import CheckpointError
from nnunetv2.foundation.content_descriptions import describe_content
from nnunetv2.networks.weights import check_weights

_WARM_UP_STEPS = 10
_SOURCE = "the averaged weights of the checkpoint"
_ADVICE = "Start the training anew"

KeptShare = Callable[[int], float]
"""Number of earlier updates -> share of its value that the average keeps in the next one."""


def moving(decay: float) -> KeptShare:
    """Return the share of an exponential moving average: min(decay, (1 + t) / (10 + t)) after t updates.

    So short trainings are not averaged with their random start.

    Parameters:
        decay: in (0, 1); 0.999 averages over about 1000 steps.
    """
    return lambda updates: min(decay, (1 + updates) / (_WARM_UP_STEPS + updates))


def uniform(updates: int) -> float:
    """Return the share t / (1 + t), with which all updates count the same."""
    return updates / (1 + updates)


class AveragedWeights:
    """Average of all floating-point weights and buffers of a network; other buffers (counters) are not averaged.

    Parameters:
        network: the plain network; its weights are the first average.
        kept_share: what each update keeps of the average.
    """

    def __init__(self, network: nn.Module, kept_share: KeptShare):
        self._kept_share = kept_share
        self._updates = 0
        self._other = [tensor.detach().clone() for tensor in _averaged(network).values()]
        self.in_network = False
        """Whether the network has the average, and this object keeps its own weights meanwhile."""

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Add the weights of the network after a training step."""
        share = self._kept_share(self._updates)
        self._updates += 1
        torch._foreach_lerp_(self._other, list(_averaged(network).values()), 1 - share)

    def restart(self) -> None:
        """Let the next update replace the average, if the kept share begins with 0."""
        self._updates = 0

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
        """Restore the state; the network already has its weights of the same moment.

        Raises CheckpointError, before anything changes, if the state has another form or is that of another network.
        """
        updates, in_network, other = (state.get(name) for name in ("updates", "in_network", "other"))
        if type(updates) is not int or updates < 0 or type(in_network) is not bool or not isinstance(other, Mapping):
            raise CheckpointError(
                f"{_SOURCE}: expected updates, a number from 0, in_network, true or false, and other, weights by name; "
                f"got {describe_content(dict(state))}. {_ADVICE}"
            )
        tensors = _averaged(network)
        check_weights(tensors, other, _SOURCE, _ADVICE)
        self._updates, self.in_network = updates, in_network
        self._other = [other[name].to(tensor).clone() for name, tensor in tensors.items()]


def _averaged(network: nn.Module) -> dict[str, Tensor]:
    """Return the tensors to average, once each even if modules share them."""
    named = [*network.named_parameters(), *network.named_buffers()]
    return {name: tensor for name, tensor in named if tensor.is_floating_point()}
