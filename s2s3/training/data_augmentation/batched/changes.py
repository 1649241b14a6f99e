"""What nnU-Net's default augmentation does to a sample, drawn before anything is done, even before the patch is cut."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

PROBABILITIES = (0.2, 0.2, 0.1, 0.2, 0.15, 0.15, 0.25, 0.1, 0.3)
"""Of rotation, scaling, noise, blur, brightness, contrast, low resolution, inverted gamma and gamma."""
SCALING = (0.7, 1.4)
NOISE = (0.0, 0.1)
BLUR = (0.5, 1.0)
FACTORS = (0.75, 1.25)
RESOLUTION = (0.5, 1.0)
GAMMA = (0.7, 1.5)
P_OF_A_CHANNEL = 0.5
P_OF_AN_AXIS = 0.5


@dataclass(frozen=True)
class Changes:
    """Changes of B samples with C channels and n axes. 0, or 1 for factors and exponents, leaves a sample as it is.

    Parameters:
        angles: radians, (B, 3) for volumes, (B, 1) for images and for volumes that are rotated in plane only.
        scaling: (B,), above 1 shrinks objects.
        noise, seed: standard deviation, and the seed of the values, (B,).
        blur: standard deviations in pixels, (B, C, n).
        brightness, contrast, inverted_gamma, gamma: factors and exponents, (B, C).
        resolution: share of the pixels of an axis that is kept, (B, C).
        mirror: whether an axis is mirrored, (B, n).
    """

    angles: np.ndarray
    scaling: np.ndarray
    noise: np.ndarray
    seed: np.ndarray
    blur: np.ndarray
    brightness: np.ndarray
    contrast: np.ndarray
    resolution: np.ndarray
    inverted_gamma: np.ndarray
    gamma: np.ndarray
    mirror: np.ndarray

    @property
    def moves(self) -> np.ndarray:
        """Whether a sample is rotated or scaled and therefore needs the large patch, (B,)."""
        return (self.angles != 0).any(axis=1) | (self.scaling != 1)


def join(parts: Sequence[Changes]) -> Changes:
    """Return the changes of several batches as those of one."""
    names = [field.name for field in fields(Changes)]
    return Changes(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def draw_changes(
    channels: int, axes: int, rotation: Sequence[float], mirror_axes: Sequence[int], in_plane: bool = False
) -> Changes:
    """Draw the changes of one sample from numpy's global stream, with nnU-Net's distributions.

    Parameters:
        rotation: range of the angles in radians.
        mirror_axes: that may be mirrored.
        in_plane: volumes are rotated and scaled in the last two axes only.
    """
    every_channel, angles = (channels,), 3 if axes == 3 and not in_plane else 1
    rotated, scaled, noisy, blurred, brighter, contrasted, coarser, inverted, powered = _happen(PROBABILITIES)
    one_sample = (
        np.random.uniform(rotation[0], rotation[1], angles) if rotated else np.zeros(angles),
        np.random.uniform(*SCALING) if scaled else 1.0,
        np.random.uniform(*NOISE) if noisy else 0.0,
        np.random.randint(2**31) if noisy else 0,
        _blur(channels, axes) if blurred else np.zeros((channels, axes)),
        around_one(FACTORS, every_channel) if brighter else np.ones(channels),
        around_one(FACTORS, every_channel) if contrasted else np.ones(channels),
        _resolution(channels) if coarser else np.ones(channels),
        around_one(GAMMA, every_channel) if inverted else np.ones(channels),
        around_one(GAMMA, every_channel) if powered else np.ones(channels),
        _happen([P_OF_AN_AXIS if axis in mirror_axes else 0.0 for axis in range(axes)]),
    )
    return Changes(*(np.asarray(value)[None] for value in one_sample))


def around_one(limits: tuple[float, float], size: tuple[int, ...]) -> np.ndarray:
    """Draw factors: with equal probability from the part of the limits below 1, or from the part above it."""
    below, above = np.random.uniform(limits[0], 1, size), np.random.uniform(1, limits[1], size)
    return np.where(_happen(np.full(size, 0.5)), below, above)


def _happen(probabilities: Sequence[float] | np.ndarray) -> np.ndarray:
    return np.random.uniform(size=np.shape(probabilities)) < probabilities


def _blur(channels: int, axes: int) -> np.ndarray:
    deviations = np.random.uniform(*BLUR, (channels, axes))
    return np.where(_happen(np.full((channels, 1), P_OF_A_CHANNEL)), deviations, 0.0)


def _resolution(channels: int) -> np.ndarray:
    return np.where(_happen(np.full(channels, P_OF_A_CHANNEL)), np.random.uniform(*RESOLUTION, channels), 1.0)
