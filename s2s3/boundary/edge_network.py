"""Wrap the plain network with edge heads, and get the plain network back."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nnunetv2.boundary.edge_heads import EdgeHeads
from nnunetv2.errors import SettingsError


class EdgeAwareNetwork(nn.Module):
    """Returns the output of the plain network; in training mode or `observed`, edge logits are kept in `edge_logits`.

    The features come from forward hooks on the last stages of the decoder, so the plain network stays unchanged and can
    be saved, compiled or wrapped for distributed training.

    Parameters:
        network: the plain network, whose decoder has `stages`.
        heads: one head for each supervised stage, highest resolution first.
    """

    def __init__(self, network: nn.Module, heads: EdgeHeads):
        super().__init__()
        self.network = network
        self.heads = heads
        self.edge_logits: list[Tensor] | None = None
        self._features = _Features([None] * len(heads.heads))
        for scale, stage in enumerate(supervised_stages(network, len(heads.heads))):
            stage.register_forward_hook(_KeepFeatures(self._features, scale))

    def forward(self, image: Tensor) -> Any:
        """Return the output of the plain network for an image (B, C, *S)."""
        output = self.network(image)
        if self.training or self._features.observed:
            self.edge_logits = self.heads(self._features.values)
        if self.training:
            output = _with_zero_gradient(output, self.heads.parameters())
        self._forget_features()
        return output

    @contextmanager
    def observed(self) -> Iterator[None]:
        """Keep edge logits within the context in evaluation mode, too."""
        self._features.observed = True
        try:
            yield
        finally:
            self._features.observed = False
            self._forget_features()

    def _forget_features(self) -> None:
        for scale in range(len(self._features.values)):
            self._features.values[scale] = None

    def take_edge_logits(self) -> list[Tensor]:
        """Return the edge logits of the last forward pass, highest resolution first, and clear them."""
        if self.edge_logits is None:
            raise SettingsError("there are no edge logits: run the network in training mode before its edge loss")
        logits, self.edge_logits = self.edge_logits, None
        return logits

    @property
    def encoder(self) -> Any:
        """The encoder of the plain network."""
        return self.network.encoder

    @property
    def decoder(self) -> Any:
        """The decoder of the plain network."""
        return self.network.decoder


@dataclass
class _Features:
    """The outputs of the supervised stages, and whether they are kept in evaluation mode."""

    values: list[Tensor | None]
    observed: bool = False


class _KeepFeatures:
    """Forward hook that stores a stage's output; in evaluation mode nothing is stored unless it is observed."""

    def __init__(self, features: _Features, scale: int):
        self._features = features
        self._scale = scale

    def __call__(self, module: nn.Module, _: Any, output: Tensor) -> None:
        if module.training or self._features.observed:
            self._features.values[self._scale] = output


def _with_zero_gradient(output: Any, parameters: Iterable[nn.Parameter]) -> Any:
    """Return the same output, which also depends on the parameters, with a gradient of zero.

    Training on several GPUs requires a gradient of every parameter, also from a training step without an edge loss.
    """
    if isinstance(output, list | tuple):
        return [_with_zero_gradient(output[0], parameters), *output[1:]]
    return output + 0 * torch.stack([parameter.sum() for parameter in parameters]).sum()


def supervised_stages(network: nn.Module, count: int) -> list[nn.Module]:
    """Return the last `count` stages of a network's decoder, highest resolution first.

    Raises SettingsError if the network has no such decoder.
    """
    stages = getattr(getattr(network, "decoder", None), "stages", None)
    if not isinstance(stages, nn.ModuleList) or len(stages) < count:
        found = "no `decoder.stages`" if stages is None else f"{len(stages)} decoder stages"
        raise SettingsError(
            f"edge heads need a network with {count} stages in `decoder.stages`, as nnU-Net's U-Nets have; "
            f"{type(network).__name__} has {found}. Train with nnUNetTrainerNoEdgeHeads instead"
        )
    return list(stages)[::-1][:count]


def stage_channels(network: nn.Module, count: int) -> Sequence[int]:
    """Return the feature channels of the supervised stages, highest resolution first.

    Raises SettingsError if the network has no output layer for each of them.
    """
    layers = getattr(getattr(network, "decoder", None), "seg_layers", None)
    if not isinstance(layers, nn.ModuleList) or len(layers) < count:
        raise SettingsError(
            f"edge heads need the output layers of {count} stages in `decoder.seg_layers` to know their channels; "
            f"{type(network).__name__} lacks them. Train with nnUNetTrainerNoEdgeHeads instead"
        )
    return [_input_channels(layer) for layer in list(layers)[::-1][:count]]


def _input_channels(layer: Any) -> int:
    return int(layer.in_channels)


def unwrapped(network: nn.Module) -> nn.Module:
    """Return the network inside the wrappers of distributed training and torch.compile, edge heads included."""
    while True:
        inner = _inside(network)
        if inner is None:
            return network
        network = inner


def plain_network(network: nn.Module) -> nn.Module:
    """Return the network that the plans describe, without wrappers and edge heads."""
    network = unwrapped(network)
    return plain_network(network.network) if isinstance(network, EdgeAwareNetwork) else network


def _inside(network: nn.Module) -> nn.Module | None:
    from torch.nn.parallel import DataParallel, DistributedDataParallel

    if isinstance(network, DistributedDataParallel | DataParallel):
        return network.module
    return getattr(network, "_orig_mod", None)
