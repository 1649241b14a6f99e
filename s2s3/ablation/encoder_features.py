"""What the bottleneck of a trained network makes of a test case, as a few moments for the result file."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

_DIGITS = 6


class ChannelMoments:
    """Mean and standard deviation of each channel over all pixels of all patches that were added."""

    def __init__(self) -> None:
        self._pixels = 0
        self._sums: Tensor | None = None

    def add(self, features: Tensor) -> None:
        """Add features (B, C, ...)."""
        values = features.detach().double().transpose(0, 1).flatten(1)
        sums = torch.stack([values.sum(dim=1), values.square().sum(dim=1)])
        self._sums = sums if self._sums is None else self._sums + sums
        self._pixels += values.shape[1]

    def to_list(self) -> list[float]:
        """Return the means of all channels, then their standard deviations; nothing if nothing was added."""
        if self._sums is None:
            return []
        mean, square = self._sums / self._pixels
        moments = torch.cat([mean, (square - mean.square()).clamp(min=0).sqrt()])
        return [float(f"{value:.{_DIGITS}g}") for value in moments.tolist()]


@contextmanager
def recording_bottleneck(network: nn.Module) -> Iterator[ChannelMoments]:
    """Yield the moments of what the last encoder stage returns while the context is open.

    They stay empty for networks that are not encoder-decoder networks of nnU-Net's plans (without `encoder.stages`).
    """
    moments = ChannelMoments()
    stages: Any = getattr(getattr(network, "encoder", None), "stages", None)
    if not stages:
        yield moments
        return
    handle = stages[-1].register_forward_hook(lambda _, __, output: moments.add(output))
    try:
        yield moments
    finally:
        handle.remove()
