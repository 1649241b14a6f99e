"""The last steps of every pipeline, which prepare the loss targets from the augmented segmentation."""

from collections.abc import Sequence

from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from batchgeneratorsv2.transforms.nnunet.random_binary_operator import ApplyRandomBinaryOperatorTransform
from batchgeneratorsv2.transforms.nnunet.remove_connected_components import (
    RemoveRandomConnectedComponentFromOneHotEncodingTransform,
)
from batchgeneratorsv2.transforms.nnunet.seg_to_onehot import MoveSegAsOneHotToDataTransform
from batchgeneratorsv2.transforms.utils.deep_supervision_downsampling import DownsampleSegForDSTransform
from batchgeneratorsv2.transforms.utils.nnunet_masking import MaskImageTransform
from batchgeneratorsv2.transforms.utils.random import RandomTransform
from batchgeneratorsv2.transforms.utils.remove_label import RemoveLabelTransform
from batchgeneratorsv2.transforms.utils.seg_to_regions import ConvertSegmentationToRegionsTransform

from nnunetv2.errors import CallError

OUTSIDE = -1


def target_steps(
    deep_supervision_scales: Sequence[Sequence[float] | float] | None,
    use_mask_for_norm: Sequence[bool] | None,
    is_cascaded: bool,
    foreground_labels: Sequence[int] | None,
    regions: Sequence[int | Sequence[int]] | None,
    ignore_label: int | None,
    *,
    disturb_previous_stage: bool = False,
    p_cascade_label: float = 0.5,
) -> list[BasicTransform]:
    """Mask the image, remove the outside label, move the previous stage to the image, make regions and scales.

    With `regions` the target becomes bool channels, the ignore label last; with scales it becomes a list.
    """
    steps: list[BasicTransform] = []
    if use_mask_for_norm is not None and any(use_mask_for_norm):
        masked = [channel for channel, use in enumerate(use_mask_for_norm) if use]
        steps.append(MaskImageTransform(apply_to_channels=masked, channel_idx_in_seg=0, set_outside_to=0))
    steps.append(RemoveLabelTransform(OUTSIDE, 0))
    if is_cascaded:
        steps += previous_stage_steps(foreground_labels, disturb_previous_stage, p_cascade_label)
    if regions is not None:
        channels = list(regions) if ignore_label is None else [*regions, ignore_label]
        steps.append(ConvertSegmentationToRegionsTransform(regions=channels, channel_in_seg=0))
    if deep_supervision_scales is not None:
        steps.append(DownsampleSegForDSTransform(ds_scales=deep_supervision_scales))
    return steps


def previous_stage_steps(
    foreground_labels: Sequence[int] | None, disturb: bool, p_per_label: float
) -> list[BasicTransform]:
    """Move the previous stage's segmentation to the image, one channel per label; disturb it if `disturb`."""
    if foreground_labels is None:
        raise CallError("a cascade needs foreground_labels (one image channel each), got None")
    move = MoveSegAsOneHotToDataTransform(
        source_channel_idx=1, all_labels=foreground_labels, remove_channel_from_source=True
    )
    if not disturb:
        return [move]
    channels = range(-len(foreground_labels), 0)  # copied below: each transform shuffles its list in place
    reshape = ApplyRandomBinaryOperatorTransform(channel_idx=[*channels], strel_size=(1, 8), p_per_label=p_per_label)
    drop = RemoveRandomConnectedComponentFromOneHotEncodingTransform(
        channel_idx=[*channels],
        fill_with_other_class_p=0,
        dont_do_if_covers_more_than_x_percent=0.15,
        p_per_label=p_per_label,
    )
    return [move, RandomTransform(reshape, apply_probability=0.4), RandomTransform(drop, apply_probability=0.2)]
