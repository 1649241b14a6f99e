"""The `architecture` block of a configuration in plans.json; classes are names, so that nothing heavy is imported."""

from collections.abc import Sequence
from typing import Any

from nnunetv2.experiment_planning.experiment_planners.patch_fitting import Topology

KEYS_TO_IMPORT = ("conv_op", "norm_op", "dropout_op", "nonlin")


def features_per_stage(n_stages: int, base: int, most: int) -> tuple[int, ...]:
    """Return the number of features of each stage: doubled from stage to stage, at most `most`."""
    return tuple(min(most, base * 2**stage) for stage in range(n_stages))


def unet_architecture(
    class_path: str,
    topology: Topology,
    features: Sequence[int],
    encoder_key: str,
    encoder_counts: Sequence[int],
    decoder_counts: Sequence[int],
) -> dict[str, Any]:
    """Return the block for a U-Net with instance norm and leaky ReLU.

    Parameters:
        class_path: dotted path of the network class.
        encoder_key: argument of the class for the counts of its encoder stages.
        encoder_counts: convolutions or blocks per stage; the first `n_stages` are taken.
        decoder_counts: convolutions per decoder level; the first `n_stages - 1` are taken.
    """
    dims = len(topology.patch_size)
    arch_kwargs = {
        "n_stages": topology.n_stages,
        "features_per_stage": tuple(features),
        "conv_op": f"torch.nn.modules.conv.Conv{dims}d",
        "kernel_sizes": topology.kernel_sizes,
        "strides": topology.strides,
        encoder_key: tuple(encoder_counts[: topology.n_stages]),
        "n_conv_per_stage_decoder": tuple(decoder_counts[: topology.n_stages - 1]),
        "conv_bias": True,
        "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{dims}d",
        "norm_op_kwargs": {"eps": 1e-05, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }
    return {
        "network_class_name": class_path,
        "arch_kwargs": arch_kwargs,
        "_kw_requires_import": KEYS_TO_IMPORT,
    }
