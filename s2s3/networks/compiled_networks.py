"""Networks that may be wrapped by torch.compile: compiling them, and loading weights into them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from nnunetv2.configuration import compile_setting


def load_weights(network: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Load a state dict into a network, compiled or not, also within torch.autocast, which keeps reduced weights."""
    getattr(network, "_orig_mod", network).load_state_dict(weights)
    torch.clear_autocast_cache()


def compile_if_asked(network: Any) -> Any:
    """Compile a network if the environment variable nnUNet_compile is true and it is not compiled yet."""
    if not compile_setting():
        return network
    inner = network.module if isinstance(network, nn.parallel.DistributedDataParallel) else network
    return network if hasattr(inner, "_orig_mod") else torch.compile(network)
