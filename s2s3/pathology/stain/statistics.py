"""Mean and covariance of the optical densities of an image, and the change that gives it those of another."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nnunetv2.pathology.stain.optical_density import StainChange, optical_density

FloatArray = npt.NDArray[np.float64]

_LEAST_VARIANCE = 1e-4
"""Added to each variance, so that the map from an almost empty image stays bounded."""


@dataclass(frozen=True, eq=False)
class StainStatistics:
    """Of the optical densities (R, G, B) of an image."""

    mean: FloatArray
    """(3,)"""
    covariance: FloatArray
    """(3, 3)"""

    @classmethod
    def of_values(cls, values: Tensor) -> "StainStatistics":
        """Measure pixels (3, N) of values 0 to 255; at least one."""
        densities = optical_density(values).to(torch.float64)
        centred = densities - densities.mean(dim=1, keepdim=True)
        covariance = (centred @ centred.T / centred.shape[1]).numpy() + _LEAST_VARIANCE * np.eye(3)
        return cls(densities.mean(dim=1).numpy(), covariance)

    def change_towards(self, other: "StainStatistics", share: float) -> StainChange:
        """Return the change that goes this share, in [0, 1], of the way to the statistics of another image.

        The whole way is the optimal transport between two normal distributions (Monge-Kantorovich map, Pitie and
        Kokaram 2007): of all linear maps that end at these statistics, the one that moves colours least.
        """
        root = _square_root(self.covariance)
        inverse = np.linalg.inv(root)
        whole = inverse @ _square_root(root @ other.covariance @ root) @ inverse
        matrix = (1 - share) * np.eye(3) + share * whole
        return StainChange(matrix, self.mean + share * (other.mean - self.mean) - matrix @ self.mean)


def _square_root(covariance: FloatArray) -> FloatArray:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)
