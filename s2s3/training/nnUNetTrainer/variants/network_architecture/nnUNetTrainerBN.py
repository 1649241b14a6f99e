"""Training a network with batch normalization."""

from torch import nn

from nnunetv2.networks.normalization import with_batch_norm
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.training.nnUNetTrainer.variants.domains.data_balance import nnUNetTrainerNoDomains
from nnunetv2.training.nnUNetTrainer.variants.domains.intensity import (
    nnUNetTrainerStainTransferJitter,
    nnUNetTrainerVariedStain,
)
from nnunetv2.training.nnUNetTrainer.variants.domains.joint_balancing import nnUNetTrainerJointBalancing
from nnunetv2.training.nnUNetTrainer.variants.weight_averaging.nnUNetTrainerUniformAverage import (
    nnUNetTrainerNoDomainsUniformAverage,
)
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


class nnUNetTrainerJointBalancingBN(nnUNetTrainerBN, nnUNetTrainerJointBalancing):
    """Joint balancing with batch normalization."""


class nnUNetTrainerStainTransferJitterBN(nnUNetTrainerBN, nnUNetTrainerStainTransferJitter):
    """Stain transfer and jitter with batch normalization."""


class nnUNetTrainerVariedStainBN(nnUNetTrainerBN, nnUNetTrainerVariedStain):
    """Varied stains with batch normalization."""


class nnUNetTrainerUniformAverageBN(nnUNetTrainerBN, nnUNetTrainerNoDomainsUniformAverage):
    """Uniformly averaged weights with batch normalization, without anything that depends on domains."""
