"""Regions in place of labels, for pipelines of batchgenerators."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from batchgenerators.transforms.abstract_transforms import AbstractTransform


class ConvertSegmentationToRegionsTransform(AbstractTransform):
    """Makes one channel per region, uint8 of 0 and 1, from a segmentation (B, C, *space).

    Parameters:
        regions: a label or several labels for each region.
        seg_channel: channel of the segmentation.
    """

    def __init__(
        self,
        regions: Sequence[int | Sequence[int]],
        seg_key: str = "seg",
        output_key: str = "seg",
        seg_channel: int = 0,
    ):
        self.regions = regions
        self.seg_key = seg_key
        self.output_key = output_key
        self.seg_channel = seg_channel

    def __call__(self, **data_dict: Any) -> dict[str, Any]:
        """Return the batch; without a segmentation as it is."""
        segmentation = data_dict.get(self.seg_key)
        if segmentation is not None:
            labels = segmentation[:, self.seg_channel]
            masks = [np.isin(labels, region) for region in self.regions]
            data_dict[self.output_key] = np.stack(masks, axis=1).astype(np.uint8)
        return data_dict
