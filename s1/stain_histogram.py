"""How strongly the pixels of an image are stained with haematoxylin and eosin, for the report."""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from s1.stain_vectors import density_of_values

STAINS = ("haematoxylin", "eosin")
# Ruifrok and Johnston, Analytical and Quantitative Cytology and Histology 23 (2001); the third is the residual.
_VECTORS = ((0.650, 0.704, 0.286), (0.072, 0.990, 0.105), (0.268, 0.570, 0.776))
BINS = 60
RANGE = (-0.25, 2.75)
"""Optical density (natural logarithm) at the ends of the histogram; values outside count in the first or last bin."""
_SAMPLES = 20_000


def stain_histograms(image: NDArray[np.uint8]) -> NDArray[np.int64] | None:
    """Return histograms (2, BINS) of each stain's amount in about 20,000 evenly spread pixels; None for grey images."""
    if image.ndim == 2:
        return None
    every = max(1, math.isqrt(image.shape[0] * image.shape[1] // _SAMPLES))
    density = density_of_values(np.float32)[image[::every, ::every].reshape(-1, 3)]
    amounts = np.clip(np.einsum("ij,jk->ik", density, _unmixing()), *RANGE)  # no BLAS: its threads compete with ours
    scaled = (amounts - RANGE[0]) * (BINS / (RANGE[1] - RANGE[0]))
    bins = np.minimum(scaled.astype(np.int64), BINS - 1)
    return np.stack([np.bincount(column, minlength=BINS) for column in bins.T])


@cache
def _unmixing() -> NDArray[np.float32]:
    vectors = np.array(_VECTORS)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.linalg.inv(vectors)[:, : len(STAINS)].astype(np.float32)
