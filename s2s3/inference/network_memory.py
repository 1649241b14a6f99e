"""About how much memory the weights of a model take, and its network while it predicts a tile."""

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import nn

from nnunetv2.networks.several_calls import calls_at_once

_TENSORS = 10
"""At the peak of a call, as many as the first stage of a U-Net makes of a tile: what is skipped to the decoder, what
is joined there, and what an operation needs."""
_BYTES = 4


def network_memory(
    network: Any, folds: Iterable[Any], device: torch.device, tile_shape: Sequence[int], versions: int
) -> int:
    """Return bytes of the memory of this process; those on a GPU are not counted. 0 for what is no network of torch.

    Parameters:
        folds: the weights of each, which stay in memory beside those of the network.
        tile_shape: (C, *tile).
        versions: of a tile that are predicted, itself and mirrored ones; some of them side by side.
    """
    if not isinstance(network, nn.Module):
        return 0
    in_folds = sum(_weight_bytes(weights) for weights in folds if isinstance(weights, Mapping))
    if device.type != "cpu":
        return in_folds
    calls = calls_at_once(network.eval(), versions, (1, *tile_shape))
    return in_folds + _weight_bytes(network.state_dict()) + calls * _call_bytes(network, tile_shape)


def _weight_bytes(weights: Mapping[str, Any]) -> int:
    """Return the bytes of weights, of which those of an encoder have several names."""
    tensors = [value for value in weights.values() if isinstance(value, torch.Tensor)]
    return sum({value.data_ptr(): int(value.nbytes) for value in tensors}.values())


def _call_bytes(network: nn.Module, tile_shape: Sequence[int]) -> int:
    kernels = (weights for weights in network.parameters() if weights.ndim == len(tile_shape) + 1)
    features = next((len(kernel) for kernel in kernels), 0)
    return _TENSORS * _BYTES * features * prod(tile_shape[1:])
