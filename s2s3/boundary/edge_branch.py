"""Heads, targets and loss of boundary learning in one object, and a version that does nothing (method, section 2.2).

The trainer owns a branch, wraps its network once, and passes each segmentation loss through `add_loss`.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from torch import Tensor, nn

from nnunetv2.boundary.boundary_loss import BoundaryLossSettings, boundary_loss
from nnunetv2.boundary.edge_agreement import edge_agreement
from nnunetv2.boundary.edge_heads import EdgeHeads, head_device
from nnunetv2.boundary.edge_network import EdgeAwareNetwork, plain_network, stage_channels, unwrapped
from nnunetv2.boundary.edge_targets import ClassLabels, edge_targets, edge_targets_from_regions
from nnunetv2.errors import SettingsError

__all__ = ["EdgeAwareNetwork", "EdgeBranch", "NoEdgeBranch", "plain_network"]


class NoEdgeBranch:
    """Training as in nnU-Net: network and loss stay unchanged."""

    edge_loss: float | None = None

    def wrap(self, network: nn.Module) -> nn.Module:
        """Return the network unchanged."""
        return network

    def add_loss(
        self,
        segmentation_loss: Tensor,
        network: nn.Module,
        target: Tensor | Sequence[Tensor],
        scale_weights: Sequence[float] | None,
    ) -> Tensor:
        """Return the loss unchanged."""
        return segmentation_loss

    def observed(self, network: nn.Module) -> AbstractContextManager[None]:
        """Return a context that changes nothing."""
        return nullcontext()

    def agreement(self, network: nn.Module, target: Tensor | Sequence[Tensor]) -> None:
        """Return None: there are no edge maps."""

    def state_dict(self) -> dict[str, Any]:
        """Return an empty dict: there is nothing to save."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Ignore the heads of a checkpoint that has them."""


class EdgeBranch:
    """Boundary learning in one training run.

    Parameters:
        heads: the edge heads, which `wrap` puts around the network.
        settings: settings of the loss.
        classes: the labels of each edge map, in order; with `has_regions` only their number counts.
        ignore_label: label of ignored pixels; with `has_regions`, any value except None means that the last target
            channel marks them.
        has_regions: targets are masks (B, K[+ 1], *S) instead of label maps (B, 1, *S).
    """

    def __init__(
        self,
        heads: EdgeHeads,
        settings: BoundaryLossSettings,
        classes: Sequence[ClassLabels],
        ignore_label: int | None = None,
        has_regions: bool = False,
    ):
        self.heads = heads
        self.settings = settings
        self._classes = tuple(classes)
        self._ignore_label = ignore_label
        self._has_regions = has_regions
        self._last_loss: Tensor | None = None

    @classmethod
    def build(
        cls,
        network: nn.Module,
        num_supervised_scales: int,
        dims: int,
        settings: BoundaryLossSettings,
        classes: Sequence[ClassLabels],
        ignore_label: int | None = None,
        has_regions: bool = False,
    ) -> "EdgeBranch":
        """Build with heads that match a plain network, on its device.

        Parameters:
            num_supervised_scales: number of outputs of deep supervision; 1 without it.
            dims: 2 or 3 spatial axes.
            classes: foreground classes or regions; each gets an edge map.

        Raises SettingsError if the network has no decoder stages to take features from.
        """
        channels = stage_channels(network, num_supervised_scales)
        heads = EdgeHeads(channels, len(classes), dims).to(head_device(network))
        return cls(heads, settings, classes, ignore_label, has_regions)

    def wrap(self, network: nn.Module) -> EdgeAwareNetwork:
        """Return the plain network with the heads around it."""
        return EdgeAwareNetwork(network, self.heads)

    def add_loss(
        self,
        segmentation_loss: Tensor,
        network: nn.Module,
        target: Tensor | Sequence[Tensor],
        scale_weights: Sequence[float] | None,
    ) -> Tensor:
        """Return segmentation loss + edge_weight * L_edge, after the network has run in training mode.

        Parameters:
            network: the output of `wrap`, which may have been wrapped further since.
            target: targets of each supervised scale, highest resolution first, or a single tensor.
            scale_weights: weights of deep supervision, one per scale; None for a single scale.
        """
        inner = unwrapped(network)
        if not isinstance(inner, EdgeAwareNetwork):
            raise SettingsError(f"the network is a {type(inner).__name__} without edge heads; wrap it before training")
        logits = inner.take_edge_logits()
        targets = [target] if isinstance(target, Tensor) else list(target)
        weights = [1.0] * len(targets) if scale_weights is None else [float(weight) for weight in scale_weights]
        edges = [
            self._edges(scale) if weight else (scale, None) for scale, weight in zip(targets, weights, strict=True)
        ]
        loss = boundary_loss(logits, edges, weights, self.settings)
        self._last_loss = loss.detach()
        return segmentation_loss + self.settings.edge_weight * loss

    def observed(self, network: nn.Module) -> AbstractContextManager[None]:
        """Return a context in which forward passes in evaluation mode make edge maps, for `agreement`."""
        inner = unwrapped(network)
        return inner.observed() if isinstance(inner, EdgeAwareNetwork) else nullcontext()

    def agreement(self, network: nn.Module, target: Tensor | Sequence[Tensor]) -> Tensor | None:
        """Return how well the finest edge maps of the last observed pass agree with the target, see `edge_agreement`.

        None if that pass made none.
        """
        inner = unwrapped(network)
        if not isinstance(inner, EdgeAwareNetwork) or inner.edge_logits is None:
            return None
        edges, valid = self._edges(target if isinstance(target, Tensor) else target[0])
        return edge_agreement(inner.take_edge_logits()[0], edges, valid)

    @property
    def edge_loss(self) -> float | None:
        """The last L_edge; None if there was none yet. Waits for the device."""
        return None if self._last_loss is None else float(self._last_loss)

    def state_dict(self) -> dict[str, Any]:
        """Return the parameters of the heads."""
        return self.heads.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load the parameters of the heads; an empty state (a checkpoint without heads) changes nothing."""
        if state:
            self.heads.load_state_dict(state)

    def _edges(self, target: Tensor) -> tuple[Tensor, Tensor | None]:
        has_ignore = self._ignore_label is not None
        if self._has_regions:
            edges, valid = edge_targets_from_regions(target, has_ignore)
        else:
            edges, valid = edge_targets(target, self._classes, self._ignore_label)
        return edges, valid if has_ignore else None
