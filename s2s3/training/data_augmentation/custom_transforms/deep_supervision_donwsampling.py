"""Segmentations at the resolutions of deep supervision, for pipelines of batchgenerators."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from batchgenerators.augmentations.utils import resize_segmentation
from batchgenerators.transforms.abstract_transforms import AbstractTransform

from nnunetv2.errors import CallError

Scale = float | Sequence[float]


class DownsampleSegForDSTransform2(AbstractTransform):
    """Replaces a segmentation (B, C, *space) by a list of it at several scales.

    Parameters:
        ds_scales: a factor for each output, or a list of factors, one per axis.
        order: of the interpolation of each label; 0 takes the nearest voxel.
        axes: axes that are scaled; by default all axes of space.
    """

    def __init__(
        self,
        ds_scales: Sequence[Scale],
        order: int = 0,
        input_key: str = "seg",
        output_key: str = "seg",
        axes: Sequence[int] | None = None,
    ):
        self.ds_scales = ds_scales
        self.order = order
        self.input_key = input_key
        self.output_key = output_key
        self.axes = axes

    def __call__(self, **data_dict: Any) -> dict[str, Any]:
        """Return the batch with a list under `output_key`. Raises CallError unless a list has a factor per axis."""
        segmentation = data_dict[self.input_key]
        axes = range(2, segmentation.ndim) if self.axes is None else self.axes
        data_dict[self.output_key] = [self._scaled(segmentation, scale, axes) for scale in self.ds_scales]
        return data_dict

    def _scaled(self, segmentation: np.ndarray, scale: Scale, axes: Sequence[int]) -> np.ndarray:
        factors = list(scale) if isinstance(scale, Sequence) else [scale] * len(axes)
        if len(factors) != len(axes):
            raise CallError(f"ds_scales has the entry {scale}; expected one factor for each of the axes {[*axes]}")
        if all(factor == 1 for factor in factors):
            return segmentation
        shape = list(segmentation.shape)
        for axis, factor in zip(axes, factors, strict=True):
            shape[axis] = round(shape[axis] * factor)
        scaled = np.zeros(shape, dtype=segmentation.dtype)
        for index in np.ndindex(*shape[:2]):
            scaled[index] = resize_segmentation(segmentation[index], shape[2:], self.order)
        return scaled
