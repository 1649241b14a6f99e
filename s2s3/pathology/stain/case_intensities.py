"""The normalisation of a case, to give its patches their original values back and to normalise them anew."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nnunetv2.errors import CheckpointError
from nnunetv2.pathology.stain.intensities_entry import PROPERTY, is_intensities_entry
from nnunetv2.pathology.stain.optical_density import StainChange

_SMALLEST_SCALE = 1e-8
_PIXELS_AT_ONCE = 2**15
"""On a CPU: the arrays of a part then stay in its cache, and the whole is four times as fast."""


@dataclass(frozen=True, eq=False)
class CaseIntensities:
    """Normalised = (value - offset) / scale, per channel of an image of values 0 to 255."""

    offset: Tensor
    """(3,)"""
    scale: Tensor
    """(3,)"""
    sample: Tensor | None
    """(3, n) values of pixels from dark to bright; None if offset and scale do not depend on the image."""
    extremes: Tensor | None = None
    """(3, n) colours that hold the extremes of every change of stain, if offset and scale are the image's range."""

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
                f"the entry {PROPERTY!r} of its .pkl is damaged; expected offset, scale and colours of three "
                "channels. Preprocess the case again"
            )
        offset, scale = (torch.tensor(entry[name], dtype=torch.float32) for name in ("offset", "scale"))
        colours = (entry.get(name) for name in ("sample", "extremes"))
        return cls(offset, scale, *(None if values is None else torch.from_numpy(values) for values in colours))

    def original(self, normalised: Tensor) -> Tensor:
        """Return values 0 to 255 from a normalised patch (3, N)."""
        return self._levels(normalised).sub_(1.0)

    def _levels(self, normalised: Tensor) -> Tensor:
        """Return original values + 1, 1 to 256."""
        return (normalised * self.scale[:, None]).add_((self.offset + 1.0)[:, None]).clamp_(1.0, 256.0)

    def restained(self, normalised: Tensor, change: StainChange) -> Tensor:
        """Return a normalised patch (3, N) as it were if the image had been restained before preprocessing."""
        offset, scale = self._statistics_after(change)
        lowest, factor = (offset + 1.0)[:, None], (1.0 / scale)[:, None]
        result, pixels = torch.empty_like(normalised), normalised.shape[1]
        step = _PIXELS_AT_ONCE if normalised.device.type == "cpu" else max(1, pixels)
        for start in range(0, pixels, step):
            part = slice(start, start + step)
            levels = change.apply_to_levels(self._levels(normalised[:, part]))
            torch.mul(levels.sub_(lowest), factor, out=result[:, part])
        return result

    def after(self, change: StainChange) -> "CaseIntensities":
        """Return the normalisation of the restained image, so that a further change of a restained patch is exact."""
        offset, scale = self._statistics_after(change)
        colours = (None if values is None else change.apply(values) for values in (self.sample, self.extremes))
        return CaseIntensities(offset, scale, *colours)

    def _statistics_after(self, change: StainChange) -> tuple[Tensor, Tensor]:
        if self.extremes is not None:
            changed = change.apply(self.extremes)
            lowest = changed.amin(dim=1)
            return lowest, (changed.amax(dim=1) - lowest).clamp(min=_SMALLEST_SCALE)
        if self.sample is None:
            return self.offset, self.scale
        deviation, mean = torch.std_mean(change.apply(self.sample), dim=1, correction=0)
        return mean, deviation.clamp(min=_SMALLEST_SCALE)
