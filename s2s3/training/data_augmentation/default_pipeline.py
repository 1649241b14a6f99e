"""nnU-Net's default augmentation, built from the transforms of batchgeneratorsv2.

Transforms work on one sample: image (C, *spatial) float32, segmentation (1 or 2, *spatial) int16, where -1 means
outside the image and the second channel is the previous stage of a cascade.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms

from nnunetv2.configuration import ANISO_THRESHOLD
from nnunetv2.training.data_augmentation import transform_classes
from nnunetv2.training.data_augmentation.compute_initial_patch_size import get_patch_size
from nnunetv2.training.data_augmentation.target_steps import target_steps

ScalesOfOutputs = Sequence[Sequence[float] | float] | None
Regions = Sequence[int | Sequence[int]] | None
Rotation = tuple[float, float]

SCALE_RANGE_OF_INITIAL_PATCH = (0.85, 1.25)
ELONGATED_2D = 1.5
SPATIAL_OPTIONS: dict[str, Any] = {
    "random_crop": False,
    "p_elastic_deform": 0,
    "bg_style_seg_sampling": False,
    "border_mode_seg": "constant",
    "padding_value_seg": -1,
}


def rotation_and_initial_patch_size(
    patch_size: Sequence[int], size_to_cut: Callable[..., np.ndarray] = get_patch_size
) -> tuple[Rotation, bool, np.ndarray, tuple[int, ...]]:
    """Choose rotation range, dummy 2D augmentation, initial patch size and mirror axes for a patch size.

    Returns (rotation in radians, whether slices are augmented in plane only, initial patch size, mirror axes).
    """
    if len(patch_size) == 2:
        dummy_2d = False
        degrees = 15 if max(patch_size) / min(patch_size) > ELONGATED_2D else 180
    else:
        dummy_2d = max(patch_size) / patch_size[0] > ANISO_THRESHOLD
        degrees = 180 if dummy_2d else 30
    rotation = symmetric_rotation(degrees)
    initial = initial_patch_size(patch_size, rotation, dummy_2d, size_to_cut=size_to_cut)
    return rotation, dummy_2d, initial, tuple(range(len(patch_size)))


def symmetric_rotation(degrees: float) -> Rotation:
    """Return (-degrees, degrees) in radians."""
    angle = degrees / 360 * 2 * np.pi
    return -angle, angle


def initial_patch_size(
    patch_size: Sequence[int],
    rotation: Rotation,
    dummy_2d: bool,
    scale_range: Sequence[float] = SCALE_RANGE_OF_INITIAL_PATCH,
    size_to_cut: Callable[..., np.ndarray] = get_patch_size,
) -> np.ndarray:
    """Return the integer size of the patch to cut; in dummy 2D the first axis is neither rotated nor scaled."""
    sizes = size_to_cut(patch_size, rotation, rotation, rotation, scale_range)
    if dummy_2d:
        sizes[0] = patch_size[0]
    return sizes


def training_pipeline(
    patch_size: Sequence[int],
    rotation_for_DA: Rotation,
    deep_supervision_scales: ScalesOfOutputs,
    mirror_axes: Sequence[int] | None,
    do_dummy_2d_data_aug: bool,
    use_mask_for_norm: Sequence[bool] | None = None,
    is_cascaded: bool = False,
    foreground_labels: Sequence[int] | None = None,
    regions: Regions = None,
    ignore_label: int | None = None,
    *,
    mode_seg: str = "bilinear",
    p_cascade_label: float = 0.5,
    kinds: Any = transform_classes,
) -> ComposeTransforms:
    """Build the training pipeline; the arguments are those of nnUNetTrainer.get_training_transforms.

    Parameters:
        mode_seg: how the spatial transform resamples the segmentation, "bilinear" or "nearest".
        p_cascade_label: probability that a label of the previous stage is disturbed when a disturbance is applied.
        kinds: a module or object with the transform classes, under the names that they have in `transform_classes`.
    """
    steps: list[BasicTransform] = [
        *spatial_steps(patch_size, rotation_for_DA, do_dummy_2d_data_aug, mode_seg, kinds),
        *intensity_steps((0,) if do_dummy_2d_data_aug else None, kinds),
    ]
    if mirror_axes is not None and len(mirror_axes) > 0:
        steps.append(kinds.MirrorTransform(allowed_axes=mirror_axes))
    steps += target_steps(
        deep_supervision_scales,
        use_mask_for_norm,
        is_cascaded,
        foreground_labels,
        regions,
        ignore_label,
        disturb_previous_stage=True,
        p_cascade_label=p_cascade_label,
        kinds=kinds,
    )
    return kinds.ComposeTransforms(steps)


def validation_pipeline(
    deep_supervision_scales: ScalesOfOutputs,
    is_cascaded: bool = False,
    foreground_labels: Sequence[int] | None = None,
    regions: Regions = None,
    ignore_label: int | None = None,
    *,
    kinds: Any = transform_classes,
) -> ComposeTransforms:
    """Build the validation pipeline: targets are prepared, nothing is augmented."""
    return kinds.ComposeTransforms(
        target_steps(deep_supervision_scales, None, is_cascaded, foreground_labels, regions, ignore_label, kinds=kinds)
    )


def spatial_steps(
    patch_size: Sequence[int],
    rotation: Rotation,
    dummy_2d: bool,
    mode_seg: str = "bilinear",
    kinds: Any = transform_classes,
) -> list[BasicTransform]:
    """Rotate and scale, then crop to `patch_size` around the centre; in dummy 2D in plane, all slices alike."""
    in_plane = tuple(patch_size[1:]) if dummy_2d else patch_size
    spatial = kinds.SpatialTransform(
        in_plane,
        patch_center_dist_from_border=0,
        p_rotation=0.2,
        rotation=rotation,
        p_scaling=0.2,
        scaling=(0.7, 1.4),
        p_synchronize_scaling_across_axes=1,
        **SPATIAL_OPTIONS,
        **({} if mode_seg == "bilinear" else {"mode_seg": mode_seg}),
    )
    return [kinds.Convert3DTo2DTransform(), spatial, kinds.Convert2DTo3DTransform()] if dummy_2d else [spatial]


def intensity_steps(
    ignored_axes_of_low_resolution: tuple[int, ...] | None, kinds: Any = transform_classes
) -> list[BasicTransform]:
    """Noise, blur, brightness, contrast, low resolution and gamma, each with its own probability."""
    noise = kinds.GaussianNoiseTransform(noise_variance=(0, 0.1), p_per_channel=1, synchronize_channels=True)
    blur = kinds.GaussianBlurTransform(
        blur_sigma=(0.5, 1.0), synchronize_channels=False, synchronize_axes=False, p_per_channel=0.5, benchmark=True
    )
    brightness = kinds.MultiplicativeBrightnessTransform(
        multiplier_range=kinds.BGContrast((0.75, 1.25)), synchronize_channels=False, p_per_channel=1
    )
    contrast = kinds.ContrastTransform(
        contrast_range=kinds.BGContrast((0.75, 1.25)), preserve_range=True, synchronize_channels=False, p_per_channel=1
    )
    low_resolution = kinds.SimulateLowResolutionTransform(
        scale=(0.5, 1),
        synchronize_channels=False,
        synchronize_axes=True,
        ignore_axes=ignored_axes_of_low_resolution,
        p_per_channel=0.5,
    )
    weighted = (
        (0.1, noise),
        (0.2, blur),
        (0.15, brightness),
        (0.15, contrast),
        (0.25, low_resolution),
        (0.1, gamma_step(True, kinds)),
        (0.3, gamma_step(False, kinds)),
    )
    return [kinds.RandomTransform(step, apply_probability=probability) for probability, step in weighted]


def gamma_step(inverted: bool, kinds: Any = transform_classes) -> BasicTransform:
    """Gamma correction that keeps each channel's mean and standard deviation, optionally of the inverted image."""
    return kinds.GammaTransform(
        gamma=kinds.BGContrast((0.7, 1.5)),
        p_invert_image=float(inverted),
        synchronize_channels=False,
        p_per_channel=1,
        p_retain_stats=1,
    )
