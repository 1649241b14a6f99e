"""Stain vectors of one image, found in its own pixels.

Macenko et al., A method for normalizing histology slides for quantitative analysis, ISBI 2009. Optical density here is
-log((v + 1) / 256), natural logarithm, as everywhere in this package.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LEAST_DENSITY = 0.15
"""Pixels with a smaller mean optical density are glass."""
_LEAST_PIXELS = 16
_EXTREME_PERCENT = 1.0
_SMALLEST_ANGLE = 1e-3
"""Relative size below which the two stains are one, and their amounts are shared equally."""


@dataclass(frozen=True)
class Stains:
    """Two stains of an image; the first is the one that absorbs more red (haematoxylin in H&E)."""

    vectors: FloatArray
    """(2, 3) unit vectors: optical density in R, G, B."""
    amount_means: FloatArray
    """(2,) mean optical density of each stain over the pixels that are not glass."""
    amount_stds: FloatArray
    """(2,) population standard deviation of the same."""

    def as_row(self) -> FloatArray:
        """Return all ten numbers: vectors, means, standard deviations."""
        return np.concatenate([self.vectors.ravel(), self.amount_means, self.amount_stds])


def optical_densities(pixels: NDArray[np.uint8]) -> FloatArray:
    """Return the optical densities of 8-bit values, of the same shape: 0 for 255, 5.5 for 0."""
    return density_of_values()[pixels]


@cache
def density_of_values(kind: type[np.floating[Any]] = np.float64) -> NDArray[Any]:
    """Return the optical density (256,) of each 8-bit value, computed in numbers of a kind."""
    return np.asarray(-np.log((np.arange(256, dtype=kind) + 1) / 256))


def find_stains(densities: FloatArray) -> Stains | None:
    """Return the stains in optical densities (N, 3); None if fewer than 16 pixels are not glass.

    The vectors lie in the plane of the two largest principal components, at the 1st and 99th percentile of the angles
    of the pixels in it. Images with a single colour, grey ones among them, have twice the same vector.
    """
    stained = densities[densities.mean(axis=1) > LEAST_DENSITY]
    if len(stained) < _LEAST_PIXELS:
        return None
    vectors = _extreme_vectors(stained)
    # no BLAS: its threads compete with the workers that measure other images
    amounts = np.einsum("nc,cs->ns", stained, np.linalg.pinv(vectors, rcond=_SMALLEST_ANGLE))
    return Stains(vectors, amounts.mean(axis=0), amounts.std(axis=0))


def _extreme_vectors(stained: FloatArray) -> FloatArray:
    second_moments = np.einsum("ni,nj->ij", stained, stained) / len(stained)
    plane = np.linalg.eigh(second_moments)[1][:, :0:-1]  # (3, 2): largest first
    plane = plane * np.where(plane.sum(axis=0) < 0, -1.0, 1.0)
    across = np.einsum("nc,cp->np", stained, plane)
    angles = np.arctan2(across[:, 1], across[:, 0])
    low, high = np.percentile(angles, [_EXTREME_PERCENT, 100 - _EXTREME_PERCENT])
    vectors = np.array([plane @ [np.cos(angle), np.sin(angle)] for angle in (low, high)])
    redder_first = vectors[::-1] if vectors[1, 0] > vectors[0, 0] else vectors
    return np.asarray(redder_first / np.linalg.norm(redder_first, axis=1, keepdims=True))
