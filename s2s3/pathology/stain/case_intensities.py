"""The normalisation of a case, to give its patches their original values back and to normalise them anew."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nnunetv2.errors import CheckpointError
from nnunetv2.pathology.stain.intensities_entry import PROPERTY, is_intensities_entry


@dataclass(frozen=True, eq=False)
class CaseIntensities:
    """Normalised = (value - offset) / scale, per channel of an image of values 0 to 255."""

    offset: Tensor
    """(3,)"""
    scale: Tensor
    """(3,)"""
    sample: Tensor | None
    """(3, n) values of pixels from dark to bright; None if offset and scale do not depend on the image."""

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any]) -> "CaseIntensities | None":
        """Return the entry of a case's properties; None if it has none, as after preprocessing by nnU-Net.

        Raises CheckpointError if the entry is not one that preprocessing writes.
        """
        entry = properties.get(PROPERTY)
        if entry is None:
            return None
        if not is_intensities_entry(entry):
            raise CheckpointError(
                f"the entry {PROPERTY!r} of its .pkl is damaged; expected offset, scale and sample of three channels. "
                "Preprocess the case again"
            )
        offset, scale = (torch.tensor(entry[name], dtype=torch.float32) for name in ("offset", "scale"))
        sample = entry.get("sample")
        return cls(offset, scale, None if sample is None else torch.from_numpy(sample))

    def original(self, normalised: Tensor) -> Tensor:
        """Return values 0 to 255 from a normalised patch (3, N)."""
        return (normalised * self.scale[:, None] + self.offset[:, None]).clamp_(0.0, 255.0)

    def normalised(self, values: Tensor, changed_sample: Tensor | None) -> Tensor:
        """Normalise changed values (3, N) with the statistics of the sample after the same change."""
        offset, scale = self.offset, self.scale
        if changed_sample is not None:
            deviation, offset = torch.std_mean(changed_sample, dim=1, correction=0)
            scale = deviation.clamp(min=1e-8)
        return (values - offset[:, None]) / scale[:, None]
