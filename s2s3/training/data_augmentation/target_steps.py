"""The last steps of every pipeline, which prepare the loss targets from the augmented segmentation."""

from collections.abc import Sequence
from typing import Any

from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform

from nnunetv2.errors import CallError
from nnunetv2.training.data_augmentation import transform_classes

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
    kinds: Any = transform_classes,
) -> list[BasicTransform]:
    """Mask the image, remove the outside label, move the previous stage to the image, make regions and scales.

    With `regions` the target becomes bool channels, the ignore label last; with scales it becomes a list. The transform
    classes are attributes of `kinds`.
    """
    steps: list[BasicTransform] = []
    if use_mask_for_norm is not None and any(use_mask_for_norm):
        masked = [channel for channel, use in enumerate(use_mask_for_norm) if use]
        steps.append(kinds.MaskImageTransform(apply_to_channels=masked, channel_idx_in_seg=0, set_outside_to=0))
    steps.append(kinds.RemoveLabelTansform(OUTSIDE, 0))
    if is_cascaded:
        steps += previous_stage_steps(foreground_labels, disturb_previous_stage, p_cascade_label, kinds)
    if regions is not None:
        channels = list(regions) if ignore_label is None else [*regions, ignore_label]
        steps.append(kinds.ConvertSegmentationToRegionsTransform(regions=channels, channel_in_seg=0))
    if deep_supervision_scales is not None:
        steps.append(kinds.DownsampleSegForDSTransform(ds_scales=deep_supervision_scales))
    return steps


def previous_stage_steps(
    foreground_labels: Sequence[int] | None, disturb: bool, p_per_label: float, kinds: Any
) -> list[BasicTransform]:
    """Move the previous stage's segmentation to the image, one channel per label; disturb it if `disturb`."""
    if foreground_labels is None:
        raise CallError("a cascade needs foreground_labels (one image channel each), got None")
    move = kinds.MoveSegAsOneHotToDataTransform(
        source_channel_idx=1, all_labels=foreground_labels, remove_channel_from_source=True
    )
    if not disturb:
        return [move]
    channels = range(-len(foreground_labels), 0)  # copied below: each transform shuffles its list in place
    reshape = kinds.ApplyRandomBinaryOperatorTransform(
        channel_idx=[*channels], strel_size=(1, 8), p_per_label=p_per_label
    )
    drop = kinds.RemoveRandomConnectedComponentFromOneHotEncodingTransform(
        channel_idx=[*channels],
        fill_with_other_class_p=0,
        dont_do_if_covers_more_than_x_percent=0.15,
        p_per_label=p_per_label,
    )
    return [
        move,
        kinds.RandomTransform(reshape, apply_probability=0.4),
        kinds.RandomTransform(drop, apply_probability=0.2),
    ]
