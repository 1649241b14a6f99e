"""The labels of a slide on which nothing was predicted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from nnunetv2.pathology.outputs.bands import Array


@dataclass(frozen=True)
class NoBands:
    """What takes the place of BandFiles: background everywhere, and no class with any probability.

    Parameters:
        map_size: height and width of the map of probabilities.
    """

    label_dtype: DTypeLike
    map_size: tuple[int, int]

    def labels(self, top: int, left: int, height: int, width: int) -> Array:
        """Return a window of the label image, (height, width)."""
        return np.zeros((height, width), self.label_dtype)

    def probabilities(self, channel: int, top: int, left: int, height: int, width: int) -> Array:
        """Return a window of the map of a channel, (height, width)."""
        return np.zeros((height, width), np.uint8)
