"""Training a network with batch normalization."""

from typing import Any

from torch import nn

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.training.nnUNetTrainer.variants.domains.data_balance import nnUNetTrainerNoDomains
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager


class nnUNetTrainerBN(nnUNetTrainer):
    """Replaces the normalization of the planned network by batch normalization."""

    @staticmethod
    def build_network_architecture(
        plans_manager: PlansManager,
        configuration_manager: ConfigurationManager,
        num_input_channels: int,
        num_output_channels: int,
        enable_deep_supervision: bool = True,
    ) -> nn.Module:
        """Build the network of the plans with batch normalization for the patch's number of axes."""
        return get_network_from_plans(
            configuration_manager.network_arch_class_name,
            with_batch_norm(configuration_manager.network_arch_init_kwargs, len(configuration_manager.patch_size)),
            configuration_manager.network_arch_init_kwargs_req_import,
            num_input_channels,
            num_output_channels,
            allow_init=True,
            deep_supervision=enable_deep_supervision,
        )


class nnUNetTrainerNoDomainsBN(nnUNetTrainerBN, nnUNetTrainerNoDomains):
    """Batch normalization without anything that depends on domains."""


def with_batch_norm(arguments: dict[str, Any], dims: int) -> dict[str, Any]:
    """Return a copy of a network's arguments with the normalization replaced."""
    return {
        **arguments,
        "norm_op": f"torch.nn.modules.batchnorm.BatchNorm{dims}d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
    }
