"""What z-scores do to images with little or much foreground, as an augmentation."""

from typing import Any

import numpy as np
import torch
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform, ImageOnlyTransform
from torch import Tensor


class WindowStatistics(BasicTransform):
    """Normalises a patch anew with the mean and standard deviation of a random window of it.

    To the network, an image that is almost empty looks like a whole image under the statistics of such a part.

    Parameters:
        probability: of changing a sample.
        smallest_side: shortest side of a window, as a share of that of the patch, in (0, 1].
        least_deviation: windows of a lower standard deviation count as having this one, in units of the patch's own
            normalisation; it limits how much noise is amplified.
    """

    def __init__(self, probability: float = 0.5, smallest_side: float = 0.1, least_deviation: float = 0.05):
        super().__init__()
        self.probability = probability
        self.smallest_side = smallest_side
        self.least_deviation = least_deviation

    def get_parameters(self, **data_dict: Any) -> dict[str, Any]:
        """Draw the window from numpy's global stream, as all transforms of a training do."""
        if np.random.uniform() >= self.probability:
            return {"window": None}
        share = np.random.uniform(self.smallest_side, 1)
        return {"window": tuple(_random_range(length, share) for length in data_dict["image"].shape[1:])}

    def apply(self, data_dict: dict[str, Any], **params: Any) -> dict[str, Any]:
        """Change the image; pixels outside of it (segmentation -1) neither count nor change."""
        if params["window"] is not None:
            inside = data_dict["segmentation"][:1] != -1
            data_dict["image"] = self._normalised(data_dict["image"], inside, params["window"])
        return data_dict

    def _normalised(self, image: Tensor, inside: Tensor, window: tuple[slice, ...]) -> Tensor:
        part = (slice(None), *window)
        values = image[part].flatten(1)[:, inside[part].flatten()]
        if values.shape[1] < 2:
            return image
        deviation, mean = torch.std_mean(values, dim=1, correction=0)
        shape = (-1, *[1] * len(window))
        normalised = (image - mean.view(shape)) / deviation.clamp(min=self.least_deviation).view(shape)
        return torch.where(inside, normalised, image)


def _random_range(length: int, share: float) -> slice:
    size = max(1, round(length * share))
    start = int(np.random.randint(0, length - size + 1))
    return slice(start, start + size)


class GreyImage(ImageOnlyTransform):
    """Replaces all channels by their mean, so that the network cannot rely on colour alone.

    Parameters:
        probability: of changing a sample.
    """

    def __init__(self, probability: float = 0.2):
        super().__init__()
        self.probability = probability

    def get_parameters(self, **data_dict: Any) -> dict[str, Any]:
        """Draw whether the sample changes."""
        return {"is_grey": bool(np.random.uniform() < self.probability)}

    def _apply_to_image(self, img: Tensor, **params: Any) -> Tensor:
        return img.mean(dim=0, keepdim=True).expand_as(img).contiguous() if params["is_grey"] else img
