"""What distances between domains need to know of one image, and its mean over the images of a domain."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from s1.stain_vectors import find_stains, optical_densities
from s1.texture_statistics import NAMES, texture_statistics

FloatArray = NDArray[np.float64]

MOST_SAMPLES = 4096
STAIN_NUMBERS = 10
SCORE_LIMIT = 6.0
"""z-scores beyond this count in the first or last bin."""
SCORE_BINS = 600


@dataclass(frozen=True)
class ImageProfile:
    """Colour, contrast, stains and texture of one image."""

    value_shares: FloatArray
    """(3, 256): share of the sampled pixels with each 8-bit value, in R, G, B."""
    score_shares: FloatArray
    """(3, SCORE_BINS): the same for the values less the image's mean, divided by its standard deviation."""
    stains: FloatArray | None
    """(10,): two vectors, two means, two standard deviations of amounts; None for an image of glass."""
    texture: FloatArray
    """(9,)"""


@dataclass
class DomainProfile:
    """Sums over the images of a domain, every image with the same weight."""

    images: int = 0
    stained_images: int = 0
    value_shares: FloatArray = field(default_factory=lambda: np.zeros((3, 256)))
    score_shares: FloatArray = field(default_factory=lambda: np.zeros((3, SCORE_BINS)))
    stains: FloatArray = field(default_factory=lambda: np.zeros(STAIN_NUMBERS))
    texture: FloatArray = field(default_factory=lambda: np.zeros(len(NAMES)))
    squared_texture: FloatArray = field(default_factory=lambda: np.zeros(len(NAMES)))

    def add(self, image: ImageProfile) -> None:
        """Add one image."""
        self.images += 1
        self.value_shares += image.value_shares
        self.score_shares += image.score_shares
        self.texture += image.texture
        self.squared_texture += image.texture**2
        if image.stains is not None:
            self.stained_images += 1
            self.stains += image.stains


def profile_image(image: NDArray[np.uint8]) -> ImageProfile:
    """Return the profile of an image (H, W, 3) or (H, W), from at most 4096 evenly spread pixels and nine windows."""
    pixels = sampled_pixels(image)
    stains = find_stains(optical_densities(pixels))
    return ImageProfile(
        np.stack([np.bincount(channel, minlength=256) for channel in pixels.T]) / len(pixels),
        _score_shares(pixels),
        None if stains is None else stains.as_row(),
        texture_statistics(image),
    )


def sampled_pixels(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return pixels (N, 3) of a regular grid over the image, N at most MOST_SAMPLES; grey values are repeated."""
    height, width = image.shape[:2]
    every = max(1, math.isqrt(height * width // MOST_SAMPLES))
    while math.ceil(height / every) * math.ceil(width / every) > MOST_SAMPLES:
        every += 1
    pixels = image[::every, ::every].reshape(-1, 3 if image.ndim == 3 else 1)
    return np.broadcast_to(pixels, (len(pixels), 3))


def _score_shares(pixels: NDArray[np.uint8]) -> FloatArray:
    scores = (pixels - pixels.mean(axis=0)) / np.maximum(pixels.std(axis=0), 1e-8)
    places = (scores + SCORE_LIMIT) * (SCORE_BINS / (2 * SCORE_LIMIT))
    bins = np.clip(places.astype(np.int64), 0, SCORE_BINS - 1)
    return np.stack([np.bincount(channel, minlength=SCORE_BINS) for channel in bins.T]) / len(pixels)
