"""Translates plans from before nnU-Net 2.3.1, which describe a U-Net by single entries, to an architecture block."""

from abc import ABC, abstractmethod
from math import prod
from typing import Any

from nnunetv2.errors import MissingEntryError, SettingsError

_NETWORKS = {
    "PlainConvUNet": ("dynamic_network_architectures.architectures.unet.PlainConvUNet", "n_conv_per_stage"),
    "ResidualEncoderUNet": (
        "dynamic_network_architectures.architectures.residual_unet.ResidualEncoderUNet",
        "n_blocks_per_stage",
    ),
}
_OLD_ENTRIES = (
    "UNet_class_name",
    "n_conv_per_stage_encoder",
    "n_conv_per_stage_decoder",
    "num_pool_per_axis",
    "pool_op_kernel_sizes",
    "conv_kernel_sizes",
    "unet_max_num_features",
    "UNet_base_num_features",
)


def is_complete(configuration: dict[str, Any]) -> bool:
    """Tell whether `add_architecture` can translate a configuration."""
    return all(key in configuration for key in _OLD_ENTRIES) and configuration["UNet_class_name"] in _NETWORKS


def add_architecture(configuration: dict[str, Any]) -> None:
    """Replace, in place, the old entries of a configuration by the block `architecture`.

    Raises MissingEntryError (a KeyError) if one of them is missing, SettingsError for an unknown network.
    """
    missing = [key for key in _OLD_ENTRIES if key not in configuration]
    if missing:
        raise MissingEntryError(
            "plans: a configuration needs either 'architecture' or the entries of plans before nnU-Net 2.3.1; of these "
            f"it lacks {', '.join(missing)}"
        )
    name = configuration["UNet_class_name"]
    if name not in _NETWORKS:
        raise SettingsError(f"plans: UNet_class_name is {name!r}, expected {' or '.join(_NETWORKS)}")
    network_class_name, blocks_key = _NETWORKS[name]
    architecture = {
        "network_class_name": network_class_name,
        "arch_kwargs": _network_arguments(configuration, blocks_key),
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }
    for key in _OLD_ENTRIES:
        del configuration[key]
    configuration["architecture"] = architecture


def _network_arguments(configuration: dict[str, Any], blocks_key: str) -> dict[str, Any]:
    blocks = configuration["n_conv_per_stage_encoder"]
    first, most = configuration["UNet_base_num_features"], configuration["unet_max_num_features"]
    dims = len(configuration["patch_size"])
    return {
        "n_stages": len(blocks),
        "features_per_stage": [min(first * 2**stage, most) for stage in range(len(blocks))],
        "conv_op": f"torch.nn.modules.conv.Conv{dims}d",
        "kernel_sizes": configuration["conv_kernel_sizes"],
        "strides": configuration["pool_op_kernel_sizes"],
        blocks_key: blocks,
        "n_conv_per_stage_decoder": configuration["n_conv_per_stage_decoder"],
        "conv_bias": True,
        "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{dims}d",
        "norm_op_kwargs": {"eps": 1e-05, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }


class NamesOfOldPlans(ABC):
    """The properties of ConfigurationManager for code that was written for plans before nnU-Net 2.3.1."""

    @property
    @abstractmethod
    def network_arch_class_name(self) -> str:
        """Dotted name of the class of the network."""

    @property
    @abstractmethod
    def network_arch_init_kwargs(self) -> dict[str, Any]:
        """Arguments of this class, named as in its signature."""

    @abstractmethod
    def _network_argument(self, key: str) -> Any:
        """Return one of these arguments."""

    @property
    @abstractmethod
    def pool_op_kernel_sizes(self) -> list[list[int]]:
        """Strides of each stage."""

    @property
    def UNet_class_name(self) -> str:
        return self.network_arch_class_name.split(".")[-1]

    @property
    def UNet_base_num_features(self) -> int:
        return self._network_argument("features_per_stage")[0]

    @property
    def unet_max_num_features(self) -> int:
        """The largest number of features of a stage."""
        return max(self._network_argument("features_per_stage"))

    @property
    def conv_kernel_sizes(self) -> list[list[int]]:
        return self._network_argument("kernel_sizes")

    @property
    def n_conv_per_stage_encoder(self) -> list[int]:
        """Convolutions of each stage; blocks in residual encoders."""
        is_residual = "n_blocks_per_stage" in self.network_arch_init_kwargs
        return self._network_argument("n_blocks_per_stage" if is_residual else "n_conv_per_stage")

    @property
    def n_conv_per_stage_decoder(self) -> list[int]:
        return self._network_argument("n_conv_per_stage_decoder")

    @property
    def num_pool_per_axis(self) -> list[int]:
        """How often each axis is halved."""
        return [prod(strides).bit_length() - 1 for strides in zip(*self.pool_op_kernel_sizes, strict=True)]
