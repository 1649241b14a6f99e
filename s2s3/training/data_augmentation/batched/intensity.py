"""Changes of intensities: noise, brightness, contrast and gamma, in place."""

import numpy as np
import torch
from torch import Tensor

from nnunetv2.training.data_augmentation.batched.normal_values import random_parts
from nnunetv2.training.data_augmentation.batched.planes import deviation_of, mean_of, range_of, spread

SMALLEST_DEVIATION = 1e-7


def add_noise(images: Tensor, deviations: np.ndarray, seeds: np.ndarray) -> None:
    """Add independent normal values to images (B, C, *spatial); a sample has its own deviation and its own seed."""
    for index in np.flatnonzero(deviations):
        noise = random_parts(images.shape[1], images[index, 0].numel(), int(seeds[index]), images.device)
        for plane, values in zip(images[index], noise, strict=True):
            plane.add_(values.view_as(plane), alpha=float(deviations[index]))


def change_brightness(planes: Tensor, factors: Tensor) -> None:
    """Multiply planes (N, *spatial) by factors (N, 1)."""
    planes.mul_(spread(factors, planes))


def change_contrast(planes: Tensor, factors: Tensor) -> None:
    """Multiply the distance from the plane's mean by factors (N, 1), within the plane's range."""
    mean, (lowest, highest) = mean_of(planes), range_of(planes)
    factor = factors[:, 0].to(planes.device)
    planes.mul_(spread(factor, planes)).add_(spread(mean * (1 - factor), planes))
    torch.maximum(planes, spread(lowest, planes), out=planes)  # several times as fast as clamp_ with tensors
    torch.minimum(planes, spread(highest, planes), out=planes)


def correct_gamma(planes: Tensor, exponents: Tensor) -> None:
    """Raise planes, as shares of their range, to powers (N, 1); keep the plane's mean and standard deviation."""
    _correct(planes, exponents, inverted=False)


def correct_inverted_gamma(planes: Tensor, exponents: Tensor) -> None:
    """Do the same to the inverted planes, and invert them again."""
    _correct(planes, exponents, inverted=True)


def _correct(planes: Tensor, exponents: Tensor, inverted: bool) -> None:
    """Take the powers of the distances from the extreme: a factor, as the range would be one, has no effect."""
    mean, (lowest, highest) = mean_of(planes), range_of(planes)
    deviation = deviation_of(planes.sub_(spread(mean, planes)))
    if inverted:
        torch.sub(spread(highest - mean, planes), planes, out=planes)
    else:
        planes.sub_(spread(lowest - mean, planes))
    planes.log2_().mul_(spread(exponents, planes)).exp2_()
    _set_statistics(planes, mean, -deviation if inverted else deviation)


def _set_statistics(planes: Tensor, mean: Tensor, deviation: Tensor) -> None:
    """Move and scale planes to a mean and a deviation, (N,); a negative deviation inverts them."""
    planes.sub_(spread(mean_of(planes), planes))
    factor = deviation / deviation_of(planes).clamp_(min=SMALLEST_DEVIATION)
    planes.mul_(spread(factor, planes)).add_(spread(mean, planes))
