"""Gain and offset of a scanner's channels, as an augmentation."""

from typing import Any

import numpy as np
import torch
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from torch import Tensor

_LEAST_DEVIATION = 1e-6


class ChannelGain(BasicTransform):
    """Stretches the values of each channel about their mean and shifts them; exposure, white point and stain differ so.

    Gain and offset are one for all channels times, or plus, a smaller one of each channel. Offsets are in standard
    deviations of the patch, so the scale of the normalisation does not matter.

    Parameters:
        probability: of changing a sample.
        largest_gain: gains lie in [1 / largest_gain, largest_gain], uniform in their logarithm.
        largest_offset: of all channels, in standard deviations of a channel.
        channel_share: how large the part of each channel is, as a share of both, in [0, 1].
    """

    def __init__(
        self,
        probability: float = 0.5,
        largest_gain: float = 2.0,
        largest_offset: float = 0.5,
        channel_share: float = 0.3,
    ):
        super().__init__()
        self.probability = probability
        self.largest_gain = largest_gain
        self.largest_offset = largest_offset
        self.channel_share = channel_share

    def get_parameters(self, **data_dict: Any) -> dict[str, Any]:
        """Draw gains and offsets of the channels from numpy's global stream, as all transforms of a training do."""
        if np.random.uniform() >= self.probability:
            return {"gains": None, "offsets": None}
        channels = len(data_dict["image"])
        powers, offsets = (self._common_and_own(channels) for _ in range(2))
        return {"gains": self.largest_gain**powers, "offsets": self.largest_offset * offsets}

    def _common_and_own(self, channels: int) -> np.ndarray:
        return np.random.uniform(-1, 1) + self.channel_share * np.random.uniform(-1, 1, channels)

    def apply(self, data_dict: dict[str, Any], **params: Any) -> dict[str, Any]:
        """Change the image; pixels outside of it (segmentation -1) neither count nor change."""
        if params["gains"] is not None:
            inside = data_dict["segmentation"][:1] != -1
            data_dict["image"] = _stretched(data_dict["image"], inside, params["gains"], params["offsets"])
        return data_dict


def _stretched(image: Tensor, inside: Tensor, gains: np.ndarray, offsets: np.ndarray) -> Tensor:
    values = image.flatten(1)[:, inside.flatten()]
    if values.shape[1] < 2:
        return image
    shape = (-1, *[1] * (image.ndim - 1))
    deviation, mean = (part.view(shape) for part in torch.std_mean(values, dim=1, correction=0))
    gain, offset = (torch.as_tensor(part, dtype=image.dtype).view(shape) for part in (gains, offsets))
    changed = mean + (image - mean) * gain + offset * deviation.clamp(min=_LEAST_DEVIATION)
    return torch.where(inside, changed, image)
