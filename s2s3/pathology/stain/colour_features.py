"""The colours of an image in nine numbers, by which images of different laboratories are told apart."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nnunetv2.pathology.stain.case_intensities import CaseIntensities
from nnunetv2.pathology.stain.intensities_entry import MOST_PIXELS
from nnunetv2.pathology.stain.statistics import StainStatistics

FloatArray = npt.NDArray[np.float64]

NUM_FEATURES = 9


def colour_features(data: Any, properties: Mapping[str, Any]) -> FloatArray | None:
    """Return (9,): the mean of the optical densities of a case and the logarithm of their covariance.

    Of the covariance, which is a matrix (3, 3), the logarithm of the matrix is taken, so that a stain of twice the
    strength is as far away as one of half the strength.

    Parameters:
        data: the preprocessed image (C, *space), of which an image with a fixed normalisation is read.
        properties: of the case. Without the entry of an RGB image there (other images, or preprocessed by nnU-Net) the
            result is None.

    Raises CheckpointError if the entry is damaged.
    """
    intensities = CaseIntensities.from_properties(properties)
    if intensities is None:
        return None
    sample = _some_pixels(data, intensities) if intensities.sample is None else intensities.sample
    return features_of_stain(StainStatistics.of_values(sample))


def features_of_stain(stain: StainStatistics) -> FloatArray:
    """Return (9,): the mean, then the upper triangle of the logarithm of the covariance."""
    variances, axes = np.linalg.eigh(stain.covariance)
    logarithm = (axes * np.log(variances)) @ axes.T
    return np.concatenate([stain.mean, logarithm[np.triu_indices(3)]])


def _some_pixels(data: Any, intensities: CaseIntensities) -> Tensor:
    flat = torch.from_numpy(np.asarray(data[:3], dtype=np.float32).reshape(3, -1))
    return intensities.original(flat[:, :: max(1, flat.shape[1] // MOST_PIXELS)])
