"""Plans and dataset.json of small networks, as dictionaries."""

from collections.abc import Sequence
from typing import Any

U_NET = "dynamic_network_architectures.architectures.unet.PlainConvUNet"
RESIDUAL_U_NET = "dynamic_network_architectures.architectures.unet.ResidualEncoderUNet"
IMPORTED = ["conv_op", "norm_op", "dropout_op", "nonlin"]
"""The arguments of a network that name something to import."""


def make_network_arguments(dims: int, features: Sequence[int] = (8, 16, 32), **changes: Any) -> dict[str, Any]:
    """Return the arguments of a U-Net with one convolution per stage, all strides but the first 2.

    Parameters:
        changes: entries that replace these or are added.
    """
    stages = len(features)
    return {
        "n_stages": stages,
        "features_per_stage": list(features),
        "conv_op": f"torch.nn.modules.conv.Conv{dims}d",
        "kernel_sizes": [[3] * dims for _ in features],
        "strides": [[1] * dims, *([2] * dims for _ in features[1:])],
        "n_conv_per_stage": [1] * stages,
        "n_conv_per_stage_decoder": [1] * (stages - 1),
        "conv_bias": True,
        "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{dims}d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
        **changes,
    }


def make_architecture(dims: int, features: Sequence[int] = (8, 16, 32), **changes: Any) -> dict[str, Any]:
    """Return the entry `architecture` of a configuration: a plain U-Net with the arguments above."""
    return {
        "network_class_name": U_NET,
        "arch_kwargs": make_network_arguments(dims, features, **changes),
        "_kw_requires_import": list(IMPORTED),
    }


def make_resampling() -> dict[str, Any]:
    """Return the entries on resampling: images cubic, segmentations and probabilities linear."""
    entries: dict[str, Any] = {}
    for what, is_seg, order in (("data", False, 3), ("seg", True, 1), ("probabilities", False, 1)):
        entries[f"resampling_fn_{what}"] = "resample_data_or_seg_to_shape"
        arguments = {"is_seg": is_seg, "order": order, "order_z": 0, "force_separate_z": None}
        entries[f"resampling_fn_{what}_kwargs"] = arguments
    return entries


def make_configuration(
    patch_size: Sequence[int], spacing: Sequence[float], channels: int = 1, **changes: Any
) -> dict[str, Any]:
    """Return a configuration with a small U-Net of as many dimensions as the patch; `changes` replace entries."""
    return {
        "data_identifier": "tiny",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": list(patch_size),
        "median_image_size_in_voxels": [float(length) for length in patch_size],
        "spacing": list(spacing),
        "normalization_schemes": ["ZScoreNormalization"] * channels,
        "use_mask_for_norm": [False] * channels,
        **make_resampling(),
        "architecture": make_architecture(len(patch_size)),
        "batch_dice": False,
        **changes,
    }


def make_plans(
    patch_size: list[int], spacing: list[float], file_ending: str, channels: int, **changes: Any
) -> dict[str, Any]:
    """Return plans with one small configuration, `2d` or `3d_fullres` by the length of the patch.

    Parameters:
        changes: entries of the plans to replace; `configuration`: those of the configuration.
    """
    dims = len(patch_size)
    configuration = make_configuration(patch_size, spacing, channels, **changes.pop("configuration", {}))
    return {
        "dataset_name": "Dataset901_Tiny",
        "plans_name": "nnUNetPlans",
        "original_median_spacing_after_transp": [999.0, 1.0, 1.0] if dims == 2 else spacing,
        "original_median_shape_after_transp": [1, *patch_size] if dims == 2 else patch_size,
        "image_reader_writer": "NaturalImage2DIO" if file_ending == ".png" else "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {"2d" if dims == 2 else "3d_fullres": configuration},
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {
            str(channel): {"mean": 120.0, "std": 40.0, "percentile_00_5": 5.0, "percentile_99_5": 250.0}
            for channel in range(channels)
        },
        **changes,
    }


def make_dataset_json(
    file_ending: str, channels: int, labels: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """Return a dataset.json with labels background, outer, inner unless others are given."""
    return {
        "channel_names": {str(channel): f"channel{channel}" for channel in range(channels)},
        "labels": labels or {"background": 0, "outer": 1, "inner": 2},
        "numTraining": 5,
        "file_ending": file_ending,
        **more,
    }
