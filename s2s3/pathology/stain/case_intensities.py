"""How a preprocessed RGB image was normalised, and a sample of its colours: enough to normalise it anew."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

PROPERTY = "drift_intensities"
"""The key of a case's properties, which nnU-Net ignores."""
MOST_PIXELS = 4096
_FIRST_CUT = 16 * MOST_PIXELS


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
        """Return the entry of a case's properties; None if it has none, as after preprocessing by nnU-Net."""
        entry = properties.get(PROPERTY)
        if entry is None:
            return None
        offset, scale = (torch.tensor(entry[name], dtype=torch.float32) for name in ("offset", "scale"))
        sample = entry.get("sample")
        return cls(offset, scale, None if sample is None else torch.from_numpy(np.asarray(sample)).float())

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


def intensities_entry(image: npt.NDArray[np.floating[Any]], by_image: bool) -> dict[str, Any]:
    """Return the entry for the properties of a case, plain values and one small array.

    Parameters:
        image: (3, x, y, z), values 0 to 255, before it is normalised.
        by_image: the image is normalised to its own mean and standard deviation; otherwise divided by 255.
    """
    if not by_image:
        return {"offset": [0.0] * 3, "scale": [255.0] * 3}
    flat = image.reshape(3, -1)
    return {
        "offset": flat.mean(axis=1, dtype=np.float64).tolist(),
        "scale": np.maximum(flat.std(axis=1, dtype=np.float64), 1e-8).tolist(),
        "sample": _sample(flat),
    }


def _sample(flat: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
    """Return up to MOST_PIXELS pixels (3, n), evenly spaced in the order of brightness of many more.

    So their statistics are far closer to those of the image than those of as many random pixels.
    """
    pixels = flat[:, :: max(1, flat.shape[1] // _FIRST_CUT)]
    order = np.argsort(pixels.sum(axis=0), kind="stable")
    count = min(MOST_PIXELS, len(order))
    chosen = order[((np.arange(count) + 0.5) * len(order) / count).astype(np.intp)]
    return np.ascontiguousarray(pixels[:, chosen], dtype=np.float32)
