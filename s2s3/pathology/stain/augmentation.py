"""Stain augmentation of normalised patches, equal to restaining the image before preprocessing."""

from typing import Any

import numpy as np
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from torch import Tensor

from nnunetv2.pathology.stain.case_intensities import CaseIntensities
from nnunetv2.pathology.stain.optical_density import StainChange


class StainJitter(BasicTransform):
    """Multiplies the amounts of haematoxylin, eosin and residual by random factors.

    A sample without `intensities` (data that nnU-Net preprocessed, or images that are not RGB) stays as it is.

    Parameters:
        strength: factors are uniform in [1 - strength, 1 + strength].
        offset: optical densities uniform in [-offset, offset] are added to the amounts.
        probability: of changing a sample at all.
    """

    def __init__(self, strength: float = 0.2, offset: float = 0.02, probability: float = 0.8):
        super().__init__()
        self.strength = strength
        self.offset = offset
        self.probability = probability

    def get_parameters(self, **data_dict: Any) -> dict[str, Any]:
        """Draw a change from numpy's global stream, as all transforms of a training do."""
        if data_dict.get("intensities") is None or np.random.uniform() >= self.probability:
            return {"change": None}
        factors = np.random.uniform(1 - self.strength, 1 + self.strength, size=3)
        offsets = np.random.uniform(-self.offset, self.offset, size=3)
        return {"change": StainChange.of_stains(factors.tolist(), offsets.tolist())}

    def apply(self, data_dict: dict[str, Any], **params: Any) -> dict[str, Any]:
        """Change the image; pixels outside of it (segmentation -1) remain 0."""
        change: StainChange | None = params["change"]
        if change is not None:
            image = restained(data_dict["image"], data_dict["intensities"], change)
            outside = data_dict["segmentation"][:1] == -1
            data_dict["image"] = image.masked_fill_(outside, 0.0) if bool(outside.any()) else image
        return data_dict


def restained(image: Tensor, intensities: CaseIntensities, change: StainChange) -> Tensor:
    """Return a normalised patch (3, *space) of a case whose image had been restained before preprocessing."""
    values = change.apply(intensities.original(image.reshape(3, -1)))
    sample = None if intensities.sample is None else change.apply(intensities.sample)
    return intensities.normalised(values, sample).reshape(image.shape)


def uses_intensities(transforms: Any) -> bool:
    """Tell whether a pipeline has a transform that needs `intensities`, which loaders then add to the sample."""
    parts = getattr(transforms, "transforms", None) or [transforms]
    return any(isinstance(part, StainJitter) for part in parts)
