"""nnU-Net's heavy augmentation, "DA5": more kinds of distortion, and stronger ones."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from batchgeneratorsv2.transforms.intensity.brightness import BrightnessAdditiveTransform
from batchgeneratorsv2.transforms.intensity.contrast import BGContrast, ContrastTransform
from batchgeneratorsv2.transforms.intensity.gaussian_noise import GaussianNoiseTransform
from batchgeneratorsv2.transforms.local.brightness_gradient import BrightnessGradientAdditiveTransform
from batchgeneratorsv2.transforms.local.local_gamma import LocalGammaTransform
from batchgeneratorsv2.transforms.noise.blank_rectangle import BlankRectangleTransform
from batchgeneratorsv2.transforms.noise.gaussian_blur import GaussianBlurTransform
from batchgeneratorsv2.transforms.noise.median_filter import MedianFilterTransform
from batchgeneratorsv2.transforms.noise.sharpen import SharpeningTransform
from batchgeneratorsv2.transforms.spatial.low_resolution import SimulateLowResolutionTransform
from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
from batchgeneratorsv2.transforms.spatial.rot90 import Rot90Transform
from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
from batchgeneratorsv2.transforms.spatial.transpose import TransposeAxesTransform
from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
from batchgeneratorsv2.transforms.utils.pseudo2d import Convert2DTo3DTransform, Convert3DTo2DTransform
from batchgeneratorsv2.transforms.utils.random import OneOfTransform, RandomTransform

from nnunetv2.training.data_augmentation.default_pipeline import (
    SPATIAL_OPTIONS,
    Regions,
    Rotation,
    ScalesOfOutputs,
    gamma_step,
)
from nnunetv2.training.data_augmentation.target_steps import target_steps

SCALE_RANGE_OF_HEAVY_INITIAL_PATCH = (0.7, 1.43)


def heavy_training_pipeline(
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
    mode_image: str = "bilinear",
    mode_seg: str = "bilinear",
) -> ComposeTransforms:
    """Build the heavy training pipeline; the arguments are those of nnUNetTrainer.get_training_transforms.

    Parameters:
        mode_image, mode_seg: how the spatial transform resamples, "bilinear" or "nearest".
    """
    steps: list[BasicTransform] = [
        *_spatial_steps(patch_size, rotation_for_DA, do_dummy_2d_data_aug, mode_image, mode_seg),
        *_steps_between_equal_axes(patch_size),
        *_intensity_steps(ignored_axes_of_low_resolution=(0,) if do_dummy_2d_data_aug else None),
    ]
    if mirror_axes is not None and len(mirror_axes) > 0:
        steps.append(MirrorTransform(allowed_axes=mirror_axes))
    steps += _local_steps(patch_size)
    steps += target_steps(
        deep_supervision_scales,
        use_mask_for_norm,
        is_cascaded,
        foreground_labels,
        regions,
        ignore_label,
        disturb_previous_stage=True,
        p_cascade_label=1,
    )
    return ComposeTransforms(steps)


def _spatial_steps(
    patch_size: Sequence[int], rotation: Rotation, dummy_2d: bool, mode_image: str, mode_seg: str
) -> list[BasicTransform]:
    spatial = SpatialTransform(
        tuple(patch_size[1:]) if dummy_2d else patch_size,
        patch_center_dist_from_border=0,
        p_rotation=0.4,
        rotation=rotation,
        p_rot_per_axis=0.5,
        p_scaling=0.2,
        scaling=SCALE_RANGE_OF_HEAVY_INITIAL_PATCH,
        p_synchronize_scaling_across_axes=0,
        mode_image=mode_image,
        mode_seg=mode_seg,
        **SPATIAL_OPTIONS,
    )
    return [Convert3DTo2DTransform(), spatial, Convert2DTo3DTransform()] if dummy_2d else [spatial]


def _steps_between_equal_axes(patch_size: Sequence[int]) -> list[BasicTransform]:
    """Quarter turns and transpositions among axes of equal size, which keep the patch size."""
    size, count = Counter(int(size) for size in patch_size).most_common(1)[0]
    if count < 2:
        return []
    axes = {axis for axis, axis_size in enumerate(patch_size) if axis_size == size}
    quarter_turns = Rot90Transform(num_axis_combinations=1, num_rot_per_combination=(0, 1, 2, 3), allowed_axes=axes)
    return _with_probability((0.5, quarter_turns), (0.5, TransposeAxesTransform(allowed_axes=axes)))


def _intensity_steps(ignored_axes_of_low_resolution: tuple[int, ...] | None) -> list[BasicTransform]:
    median = MedianFilterTransform(filter_size=(2, 8), p_same_for_each_channel=0, p_per_channel=0.5)
    blur = GaussianBlurTransform(
        blur_sigma=(0.3, 1.5), synchronize_channels=False, synchronize_axes=True, p_per_channel=0.5, benchmark=False
    )
    noise = GaussianNoiseTransform(noise_variance=(0, 0.1), p_per_channel=1, synchronize_channels=True)
    brightness = BrightnessAdditiveTransform(mu=0, sigma=0.5, synchronize_channels=False, p_per_channel=0.5)
    clipped, unclipped = (
        ContrastTransform(
            contrast_range=BGContrast((0.5, 2)), preserve_range=keep, synchronize_channels=False, p_per_channel=0.5
        )
        for keep in (True, False)
    )
    low_resolution = SimulateLowResolutionTransform(
        scale=(0.25, 1),
        synchronize_channels=False,
        synchronize_axes=True,
        ignore_axes=ignored_axes_of_low_resolution,
        p_per_channel=0.5,
    )
    # nnU-Net inverts the image in both gamma corrections; ours must train the same way.
    gamma = [(0.1, gamma_step(inverted=True)), (0.1, gamma_step(inverted=True))]
    return [
        OneOfTransform(_with_probability((0.2, median), (0.2, blur))),
        *_with_probability((0.1, noise), (0.1, brightness)),
        OneOfTransform(_with_probability((0.2, clipped), (0.2, unclipped))),
        *_with_probability((0.15, low_resolution), *gamma),
    ]


def _local_steps(patch_size: Sequence[int]) -> list[BasicTransform]:
    rectangles = BlankRectangleTransform(
        rectangle_size=tuple((max(1, size // 10), size // 3) for size in patch_size),
        rectangle_value=torch.mean,
        num_rectangles=(1, 5),
        force_square=False,
        p_per_channel=0.5,
    )
    gradient = BrightnessGradientAdditiveTransform(
        scale=width_of_local_change,
        loc=(-0.5, 1.5),
        max_strength=strength_of_brightness_gradient,
        same_for_all_channels=False,
        mean_centered=False,
        clip_intensities=False,
        p_per_channel=0.5,
    )
    gamma = LocalGammaTransform(
        scale=width_of_local_change,
        loc=(-0.5, 1.5),
        gamma=exponent_of_local_gamma,
        same_for_all_channels=False,
        p_per_channel=0.5,
    )
    sharpening = SharpeningTransform(
        strength=(0.1, 1), p_same_for_each_channel=0, p_per_channel=0.5, p_clamp_intensities=0
    )
    return _with_probability((0.4, rectangles), (0.3, gradient), (0.3, gamma), (0.2, sharpening))


def _with_probability(*weighted: tuple[float, BasicTransform]) -> list[BasicTransform]:
    return [RandomTransform(step, apply_probability=probability) for probability, step in weighted]


def width_of_local_change(image_size: Sequence[int], axis: int) -> float:
    """Draw the width of a local change along an axis: from a sixth of the axis to all of it, log-uniformly."""
    size = image_size[axis]
    return np.exp(np.random.uniform(np.log(size // 6), np.log(size)))


def strength_of_brightness_gradient(_image: object, _gradient: object) -> float:
    """Draw the strength of a brightness change: 1 to 5, darker or brighter."""
    return np.random.uniform(-5, -1) if np.random.uniform() < 0.5 else np.random.uniform(1, 5)


def exponent_of_local_gamma() -> float:
    """Draw a gamma: 0.01 to 0.8 or 1.5 to 4."""
    return np.random.uniform(0.01, 0.8) if np.random.uniform() < 0.5 else np.random.uniform(1.5, 4)
