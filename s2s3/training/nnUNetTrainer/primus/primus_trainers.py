"""Trainers of Primus, a family of transformers for 3D patches (dynamic_network_architectures).

The networks are imported only when one is built: their dependencies take seconds to import, and looking up any trainer
by name searches this file.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from nnunetv2.errors import SettingsError
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.training.nnUNetTrainer.variants.lr_schedule.nnUNetTrainer_warmup import nnUNetTrainer_warmup
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager

PATCH_EMBEDDING = (8, 8, 8)
NETWORK_OPTIONS = {"drop_path_rate": 0.2, "scale_attn_inner": True, "init_values": 0.1}
MAX_GRADIENT_NORM = 1.0


class AbstractPrimus(nnUNetTrainer_warmup):
    """Trains with AdamW after a warm-up, clips gradients to a norm of 1, without deep supervision or edge heads."""

    initial_lr = 3e-4
    weight_decay = 5e-2
    enable_deep_supervision = False
    use_edge_heads = False

    @staticmethod
    def build_network_architecture(
        plans_manager: PlansManager,
        configuration_manager: ConfigurationManager,
        num_input_channels: int,
        num_output_channels: int,
        enable_deep_supervision: bool = True,
    ) -> nn.Module:
        """Build the network; each trainer has its own."""
        raise NotImplementedError

    def _make_optimizer(self) -> torch.optim.Optimizer:
        parameters = list(self.network.parameters())
        optimizer = torch.optim.AdamW(
            parameters, lr=self.initial_lr, weight_decay=self.weight_decay, betas=(0.9, 0.98), fused=True
        )
        optimizer.register_step_pre_hook(lambda *_: clip_gradients(parameters))
        return optimizer

    def set_deep_supervision_enabled(self, enabled: bool) -> None:
        """Do nothing: these networks have one output."""


def clip_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Clip the norm of all gradients together to 1 (the trainer has already clipped it to 12)."""
    nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT_NORM)


def check_patch_size(patch_size: Sequence[int]) -> Sequence[int]:
    """Return the patch size; SettingsError unless it has three axes that are multiples of 8."""
    if len(patch_size) != 3 or any(size % edge for size, edge in zip(patch_size, PATCH_EMBEDDING, strict=True)):
        raise SettingsError(
            f"Primus needs 3D patches whose sizes are multiples of 8, but the plans have {list(patch_size)}; "
            "use a 3D configuration and change its patch_size"
        )
    return patch_size


class _FirstGeneration(AbstractPrimus):
    """Trains a Primus of the first generation, described by embedding size, depth and attention heads."""

    embedding, depth, heads = 0, 0, 0

    @classmethod
    def build_network_architecture(
        cls,
        plans_manager: PlansManager,
        configuration_manager: ConfigurationManager,
        num_input_channels: int,
        num_output_channels: int,
        enable_deep_supervision: bool = True,
    ) -> nn.Module:
        """Build the network for the patch size of the plans."""
        from dynamic_network_architectures.architectures.primus import Primus

        patch_size = check_patch_size(configuration_manager.patch_size)
        return Primus(
            num_input_channels,
            cls.embedding,
            PATCH_EMBEDDING,
            num_output_channels,
            cls.depth,
            cls.heads,
            patch_size,
            **NETWORK_OPTIONS,
        )


class nnUNet_Primus_S_Trainer(_FirstGeneration):
    """Trains Primus-S."""

    embedding, depth, heads = 396, 12, 6


class nnUNet_Primus_B_Trainer(_FirstGeneration):
    """Trains Primus-B."""

    embedding, depth, heads = 792, 12, 12


class nnUNet_Primus_M_Trainer(_FirstGeneration):
    """Trains Primus-M."""

    embedding, depth, heads = 864, 16, 12


class nnUNet_Primus_L_Trainer(_FirstGeneration):
    """Trains Primus-L."""

    embedding, depth, heads = 1056, 24, 16


class _LaterGeneration(AbstractPrimus):
    """Trains a Primus of a later generation, whose class names its size."""

    network_class = ""

    @classmethod
    def build_network_architecture(
        cls,
        plans_manager: PlansManager,
        configuration_manager: ConfigurationManager,
        num_input_channels: int,
        num_output_channels: int,
        enable_deep_supervision: bool = True,
    ) -> nn.Module:
        """Build the network for the patch size of the plans."""
        from dynamic_network_architectures.architectures import primus

        return getattr(primus, cls.network_class)(
            num_input_channels,
            num_output_channels,
            patch_embed_size=PATCH_EMBEDDING,
            input_shape=check_patch_size(configuration_manager.patch_size),
            **NETWORK_OPTIONS,
        )


class nnUNet_PrimusV2S_Trainer(_LaterGeneration):
    """Trains PrimusV2-S."""

    network_class = "PrimusV2S"


class nnUNet_PrimusV2B_Trainer(_LaterGeneration):
    """Trains PrimusV2-B."""

    network_class = "PrimusV2B"


class nnUNet_PrimusV2M_Trainer(_LaterGeneration):
    """Trains PrimusV2-M."""

    network_class = "PrimusV2M"


class nnUNet_PrimusV2L_Trainer(_LaterGeneration):
    """Trains PrimusV2-L."""

    network_class = "PrimusV2L"


class nnUNet_PrimusV3S_Trainer(_LaterGeneration):
    """Trains PrimusV3-S."""

    network_class = "PrimusV3S"


class nnUNet_PrimusV3B_Trainer(_LaterGeneration):
    """Trains PrimusV3-B."""

    network_class = "PrimusV3B"


class nnUNet_PrimusV3M_Trainer(_LaterGeneration):
    """Trains PrimusV3-M."""

    network_class = "PrimusV3M"


class nnUNet_PrimusV3L_Trainer(_LaterGeneration):
    """Trains PrimusV3-L."""

    network_class = "PrimusV3L"


class _BatchesOf8(nnUNetTrainer):
    """Trains with batches of 8, regardless of the plans."""

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self.configuration_manager.configuration["batch_size"] = 8


class nnUNet_Trainer_BS8(_BatchesOf8):
    """Trains the planned network with batches of 8."""


class nnUNet_Primus_M_Trainer_BS8(_BatchesOf8, nnUNet_Primus_M_Trainer):
    """Trains Primus-M with batches of 8."""


class nnUNet_Primus_M_Trainer_BS8_2e4(_BatchesOf8, nnUNet_Primus_M_Trainer):
    """Trains Primus-M with batches of 8, from a learning rate of 2e-4."""

    initial_lr = 2e-4


class _SingleCubes(nnUNetTrainer):
    """Trains with batches of one cube, regardless of the plans; checkpoints hold the changed plans."""

    edge = 96

    def __init__(self, plans: dict[str, Any], configuration: str, *args: Any, **options: Any):
        plans = deepcopy(plans)
        plans["configurations"][configuration] |= {"patch_size": [self.edge] * 3, "batch_size": 1}
        super().__init__(plans, configuration, *args, **options)


class _Primus_S_96_BS1(_SingleCubes, nnUNet_Primus_S_Trainer):
    """Trains Primus-S on single cubes of 96 voxels."""


class _Primus_B_96_BS1(_SingleCubes, nnUNet_Primus_B_Trainer):
    """Trains Primus-B on single cubes of 96 voxels."""


class _Primus_M_96_BS1(_SingleCubes, nnUNet_Primus_M_Trainer):
    """Trains Primus-M on single cubes of 96 voxels."""


class _Primus_L_48_BS1(_SingleCubes, nnUNet_Primus_L_Trainer):
    """Trains Primus-L on single cubes of 48 voxels."""

    edge = 48
