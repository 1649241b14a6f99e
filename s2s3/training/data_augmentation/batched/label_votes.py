"""Labels between voxels: at each place the label of most weight, with the weights of linear interpolation.

Most places lie in a cell whose corners all have one label; only where they differ are weights needed. Between labels
of equal weight the nearest voxel decides. Outside of the input a segmentation is -1.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

OUTSIDE = -1
MIXED = 2**14  # labels of int16 are below
TIE = 1e-5

Positions = Callable[[Tensor, Tensor, Sequence[int]], list[Tensor]]
"""Where pixels of samples, (M,) each, lie along each axis of padded labels of some sizes: (M,) each, in voxels."""


@dataclass(frozen=True)
class LabelCells:
    """Labels, and what all corners of the cells between their voxels agree on.

    Parameters:
        padded: the labels above OUTSIDE, with a margin of one voxel outside, (N, S, *wide + 2).
        labels: of the cells, above OUTSIDE, or at least MIXED where corners differ, (N, S, *wide + 1).
    """

    padded: Tensor
    labels: Tensor

    @staticmethod
    def of(labels: Tensor) -> "LabelCells":
        """Return those of labels (N, S, *wide)."""
        padded = pad(labels, [1] * (2 * (labels.ndim - 2)), value=OUTSIDE).sub_(OUTSIDE)
        lowest = highest = padded
        for axis in range(2, labels.ndim):
            length = padded.shape[axis] - 1
            lowest = torch.minimum(lowest.narrow(axis, 0, length), lowest.narrow(axis, 1, length))
            highest = torch.maximum(highest.narrow(axis, 0, length), highest.narrow(axis, 1, length))
        return LabelCells(padded, highest.sub_(lowest).clamp_(max=1).mul_(MIXED).add_(lowest))

    def decided(self, found: Tensor, positions: Positions) -> Tensor:
        """Return the labels of most weight, (N, S, *patch), given those of the cells that the places lie in.

        Parameters:
            found: the cells' labels, contiguous; it is changed in place.
        """
        flat, channels = found.view(-1), found.shape[1]
        mixed = _places_from(flat, MIXED)
        if len(mixed):
            pixels = found[0, 0].numel()
            plane = mixed.div(pixels, rounding_mode="floor")
            sample = plane.div(channels, rounding_mode="floor")
            flat[mixed] = self._vote(plane, positions(sample, mixed - plane * pixels, self.padded.shape[2:]))
        return found.add_(OUTSIDE)

    def _vote(self, plane: Tensor, positions: Sequence[Tensor]) -> Tensor:
        """Return the label of most weight at positions in planes, (M,)."""
        sizes = self.padded.shape[2:]
        lowest, shares = plane * self.padded[0, 0].numel(), []
        for axis, (position, size) in enumerate(zip(positions, sizes, strict=True)):
            cell = position.floor().clamp_(0, size - 2)
            shares.append((position - cell).clamp_(0, 1))
            lowest.add_(cell.long(), alpha=math.prod(sizes[axis + 1 :]))
        return _heaviest(*_corners(self.padded, lowest, shares))


def _places_from(values: Tensor, least: float) -> Tensor:
    """Return the positions of flat values that are at least so high; on the CPU many times as fast as with torch."""
    if values.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(values.numpy() >= least))
    return (values >= least).nonzero()[:, 0]


def _corners(labels: Tensor, lowest: Tensor, shares: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return labels and weights, (M,) each, of the 2^n corners of M cells with the flat positions `lowest`."""
    flat, sizes = labels.view(-1), labels.shape[2:]
    found, weights = [], []
    for corner in itertools.product((0, 1), repeat=len(sizes)):
        step = sum(high * math.prod(sizes[axis + 1 :]) for axis, high in enumerate(corner))
        found.append(flat.index_select(0, lowest + step))
        parts = [share if high else 1 - share for share, high in zip(shares, corner, strict=True)]
        weights.append(math.prod(parts[1:], start=parts[0]))
    return found, weights


def _heaviest(labels: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """Return at each of M places the label whose weights, over all candidates, sum up to most."""
    votes = [weight * (1 + TIE) for weight in weights]
    for one, other in itertools.combinations(range(len(labels)), 2):
        agree = (labels[one] == labels[other]).float()
        votes[one].addcmul_(agree, weights[other])
        votes[other].addcmul_(agree, weights[one])
    best, most = labels[0], votes[0]
    for label, vote in zip(labels[1:], votes[1:], strict=True):
        best = torch.where(vote > most, label, best)
        most = torch.maximum(vote, most)
    return best
