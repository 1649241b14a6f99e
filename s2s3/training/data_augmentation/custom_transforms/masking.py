"""Masking of the image by the segmentation, for pipelines of batchgenerators."""

from typing import Any

from batchgenerators.transforms.abstract_transforms import AbstractTransform


class MaskTransform(AbstractTransform):
    """Sets some channels of the image to a value where the segmentation is negative, in place.

    Parameters:
        apply_to_channels: channels of the image, (B, C, *space).
        mask_idx_in_seg: channel of the segmentation; -1 there means outside.
    """

    def __init__(
        self,
        apply_to_channels: list[int],
        mask_idx_in_seg: int = 0,
        set_outside_to: int = 0,
        data_key: str = "data",
        seg_key: str = "seg",
    ):
        self.apply_to_channels = apply_to_channels
        self.mask_idx_in_seg = mask_idx_in_seg
        self.set_outside_to = set_outside_to
        self.data_key = data_key
        self.seg_key = seg_key

    def __call__(self, **data_dict: Any) -> dict[str, Any]:
        """Return the batch."""
        outside = data_dict[self.seg_key][:, self.mask_idx_in_seg] < 0
        for channel in self.apply_to_channels:
            data_dict[self.data_key][:, channel][outside] = self.set_outside_to
        return data_dict
