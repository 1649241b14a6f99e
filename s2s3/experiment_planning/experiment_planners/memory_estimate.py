"""The number of feature-map elements of a U-Net for one sample, by a formula: no network is built, no torch needed."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

PLAIN_UNET = "dynamic_network_architectures.architectures.unet.PlainConvUNet"
RESIDUAL_UNET = "dynamic_network_architectures.architectures.unet.ResidualEncoderUNet"

_STANDARD_KEYS = {
    "n_stages",
    "features_per_stage",
    "conv_op",
    "kernel_sizes",
    "strides",
    "n_conv_per_stage_decoder",
    "conv_bias",
    "norm_op",
    "norm_op_kwargs",
    "dropout_op",
    "dropout_op_kwargs",
    "nonlin",
    "nonlin_kwargs",
}
_ENCODER_KEY = {PLAIN_UNET: "n_conv_per_stage", RESIDUAL_UNET: "n_blocks_per_stage"}


def closed_form_estimate(
    patch_size: Sequence[int], num_labels: int, arch_class_name: str, arch_kwargs: Mapping[str, Any]
) -> int | None:
    """Count the elements of all feature maps for one patch; return None for networks whose layers are not known here.

    The outputs of all convolutions, transposed convolutions and the final layer for the classes are counted.

    Parameters:
        patch_size: patch in voxels.
        num_labels: output channels.
        arch_class_name: dotted path of the network class.
        arch_kwargs: its arguments as in plans.json.
    """
    encoder_key = _ENCODER_KEY.get(arch_class_name)
    if encoder_key is None or not _is_standard(arch_kwargs, encoder_key):
        return None
    voxels = _voxels_per_stage(patch_size, arch_kwargs["strides"])
    maps = [count * features for count, features in zip(voxels, arch_kwargs["features_per_stage"], strict=True)]
    if arch_class_name == PLAIN_UNET:
        encoder = sum(convs * size for convs, size in zip(arch_kwargs[encoder_key], maps, strict=True))
    else:
        encoder = _residual_encoder(arch_kwargs[encoder_key], maps)
    levels = arch_kwargs["n_conv_per_stage_decoder"]
    decoder = sum((convs + 1) * size for convs, size in zip(levels, maps[:-1], strict=True))
    return int(encoder + decoder + (num_labels * voxels[0] if levels else 0))


def _is_standard(arch_kwargs: Mapping[str, Any], encoder_key: str) -> bool:
    """Tell whether these are exactly the arguments that planners write, with one entry per stage."""
    per_stage = ("features_per_stage", "strides", encoder_key, "n_conv_per_stage_decoder")
    return set(arch_kwargs) == _STANDARD_KEYS | {encoder_key} and all(
        isinstance(arch_kwargs[key], list | tuple) for key in per_stage
    )


def _residual_encoder(blocks_per_stage: Sequence[int], maps: Sequence[int]) -> int:
    """Count two convolutions per block, one on the skip path of each stage but the first, and the stem."""
    stages = zip(blocks_per_stage, maps, strict=True)
    return maps[0] + sum((2 * blocks + (stage > 0)) * size for stage, (blocks, size) in enumerate(stages))


def _voxels_per_stage(patch_size: Sequence[int], strides: Sequence[Sequence[int]]) -> list[int]:
    size = [int(edge) for edge in patch_size]
    counts = []
    for stride in strides:
        size = [edge // step for edge, step in zip(size, stride, strict=True)]
        counts.append(prod(size))
    return counts
