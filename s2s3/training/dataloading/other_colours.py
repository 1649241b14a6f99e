"""The colours of a case that another one is to take, where a seed forbids to remember the cases before."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnunetv2.pathology.stain.case_intensities import CaseIntensities
from nnunetv2.training.dataloading.patch_position import lower_bounds, random_corner


def colours_of(image: Any, properties: Mapping[str, Any], patch_size: Sequence[int]) -> Tensor | None:
    """Return colours (3, n) of a case, 0 to 255; None if its normalisation is unknown.

    They are those of its entry or, if that has none, those of a random patch.

    Parameters:
        image: the normalised case (3, x, y, z), also in a file.
        patch_size: 3 axes.
    """
    intensities = CaseIntensities.from_properties(properties)
    if intensities is None or intensities.sample is not None:
        return None if intensities is None else intensities.sample
    corner = random_corner(lower_bounds(image.shape[1:], patch_size, (0, 0, 0)))
    part = tuple(slice(max(0, start), start + size) for start, size in zip(corner, patch_size, strict=True))
    pixels = np.ascontiguousarray(image[(slice(None), *part)], dtype=np.float32)
    return intensities.original(torch.from_numpy(pixels.reshape(3, -1)))
