"""The light heads that turn decoder features into edge logits in training (method, section 2.2)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

_EXPECTED_EDGE_SHARE = 0.05


class EdgeHeads(nn.Module):
    """One 1 x 1 convolution per scale, from that scale's features to K edge logits.

    Parameters:
        channels: feature channels of each scale, highest resolution first.
        num_maps: K, one edge map per foreground class or region.
        dims: 2 or 3 spatial axes.
    """

    def __init__(self, channels: Sequence[int], num_maps: int, dims: int):
        super().__init__()
        convolution = {2: nn.Conv2d, 3: nn.Conv3d}[dims]
        self.heads = nn.ModuleList([convolution(count, num_maps, kernel_size=1) for count in channels])
        prior = -math.log(1 / _EXPECTED_EDGE_SHARE - 1)
        for parameter in self.heads.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.01)
            else:
                nn.init.constant_(parameter, prior)  # start from the share of edge pixels, which is small

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return the edge logits (B, K, *S) of each scale from its features (B, C, *S)."""
        return [head(feature) for head, feature in zip(self.heads, features, strict=True)]

    def extra_repr(self) -> str:
        """Return the number of scales."""
        return f"scales={len(self.heads)}"


def head_device(network: nn.Module) -> torch.device:
    """Return the device of a network's parameters; the CPU if it has none."""
    parameter = next(network.parameters(), None)
    return torch.device("cpu") if parameter is None else parameter.device
