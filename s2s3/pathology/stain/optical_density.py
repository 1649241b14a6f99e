"""Stain in optical density: an image of another stain is one matrix and a bias away.

The optical density of an 8-bit value v is -log((v + 1) / 256): 0 for the brightest white, additive in the amounts of
stains (Beer-Lambert law). Nothing here draws random numbers or knows of normalisation.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

FloatArray = npt.NDArray[np.float64]

_HAEMATOXYLIN = (0.65, 0.70, 0.29)
_EOSIN = (0.07, 0.99, 0.11)
_LEVELS = 256.0


def stain_vectors() -> FloatArray:
    """Return the optical densities (R, G, B) of haematoxylin, eosin and a residual, one unit vector a row.

    Haematoxylin and eosin are those of Ruifrok and Johnston (2001); the residual is perpendicular to both.
    """
    known = np.array([_HAEMATOXYLIN, _EOSIN])
    vectors = np.vstack([known, np.cross(*known)])
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def optical_density(values: Tensor) -> Tensor:
    """Return the optical densities of 8-bit values, 0 to 255, of any shape."""
    return math.log(_LEVELS) - torch.log(values + 1.0)


@dataclass(frozen=True, eq=False)
class StainChange:
    """The change D' = matrix D + bias of optical densities (R, G, B)."""

    matrix: FloatArray
    """(3, 3), or (B, 3, 3) for a batch whose samples change differently."""
    bias: FloatArray
    """(3,), or (B, 3)."""

    @classmethod
    def of_stains(cls, factors: Sequence[float], offsets: Sequence[float] = (0.0, 0.0, 0.0)) -> "StainChange":
        """Return the change that multiplies the amounts of haematoxylin, eosin and residual, then adds to them."""
        vectors = stain_vectors()
        amounts_to_densities = vectors.T
        matrix = amounts_to_densities @ np.diag(factors) @ np.linalg.inv(amounts_to_densities)
        return cls(matrix, amounts_to_densities @ np.asarray(offsets, dtype=np.float64))

    @classmethod
    def stacked(cls, changes: "Sequence[StainChange]") -> "StainChange":
        """Return the change of a batch, one for each of its samples."""
        return cls(np.stack([change.matrix for change in changes]), np.stack([change.bias for change in changes]))

    def apply(self, values: Tensor) -> Tensor:
        """Return 8-bit values of the changed stain, as float32 without rounding.

        log(v' + 1) is linear in log(v + 1), so this costs a logarithm, a matrix product and an exponential.

        Parameters:
            values: (B, 3, N) or (3, N), float, 0 to 255, on any device.
        """
        return self.apply_to_levels(values + 1.0).sub_(1.0)

    def apply_to_levels(self, levels: Tensor) -> Tensor:
        """Do the same with values + 1, 1 to 256, without the two additions. The argument is overwritten."""
        matrix, constant = (part.to(levels.device) for part in self._of_logarithms)
        changed = torch.matmul(matrix, levels.log_())
        return changed.add_(constant[..., None]).exp_().clamp_(1.0, _LEVELS)

    @cached_property
    def _of_logarithms(self) -> tuple[Tensor, Tensor]:
        constant = math.log(_LEVELS) * (1 - self.matrix.sum(axis=-1)) - self.bias
        return torch.tensor(self.matrix, dtype=torch.float32), torch.tensor(constant, dtype=torch.float32)
