"""The trainer hooks that build network, loss and optimizer."""

import os
from typing import Any

import numpy as np
import torch
from torch import nn

from nnunetv2.boundary.boundary_loss import BoundaryLossSettings
from nnunetv2.boundary.edge_branch import plain_network
from nnunetv2.configuration import compile_setting
from nnunetv2.domains.dataset_domains import read_dataset_domains
from nnunetv2.domains.mixing_ratios import RatioMode
from nnunetv2.errors import RepeatedCallError
from nnunetv2.networks.builder_forms import accepts_older_forms, build_network
from nnunetv2.training.domain_balance.balance_settings import DomainBalanceSettings
from nnunetv2.training.domain_balance.domain_balance import balance_domains
from nnunetv2.training.loss.segmentation_loss import (
    compile_dice,
    output_weights,
    segmentation_loss,
    supervise_deeply,
)
from nnunetv2.training.nnUNetTrainer.base.normalization_choice import NormalizationChoice
from nnunetv2.training.nnUNetTrainer.base.replaceable import trainer_module
from nnunetv2.training.ranks import current_ranks, share_batch
from nnunetv2.training.run_folder.network_plot import caption_network, planned_stages, plot_network
from nnunetv2.training.run_folder.run_folders import require_preprocessed
from nnunetv2.training.steps.edge_learning import build_edge_branch
from nnunetv2.utilities.plans_handling.model_description import ModelDescription
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager

HYPERPARAMETERS = (
    "initial_lr",
    "weight_decay",
    "oversample_foreground_percent",
    "probabilistic_oversampling",
    "num_iterations_per_epoch",
    "num_val_iterations_per_epoch",
    "num_epochs",
    "current_epoch",
    "enable_deep_supervision",
)
"""Attributes that are passed to external loggers."""


class TrainingSetup(NormalizationChoice):
    """Everything that is built once, before the first epoch."""

    domain_ratio_mode: RatioMode | str = "auto"
    balance_batches = False
    """Apportion the slots of batches to the domains; off, as edge heads are, by the rule of docs/ablation.md."""
    use_edge_heads = False
    """Learn boundaries with edge heads; nnUNetTrainerJointBalancing has both on."""
    select_by_balanced_dice = True
    select_by_worst_domain = False
    stratify_splits = True
    boundary_loss_settings = BoundaryLossSettings()
    dice_of_background: bool | None = None
    """Whether the Dice of label maps includes the background; None: with edge heads."""

    def initialize(self) -> None:
        """Build network, optimizer and loss. Raises RepeatedCallError, a RuntimeError, on a second call."""
        if self.was_initialized:
            raise RepeatedCallError("initialize was called a second time; create a new trainer instead")
        names = trainer_module()
        self._set_batch_size_and_oversample()
        self.num_input_channels = names.determine_num_input_channels(
            self.plans_manager, self.configuration_manager, self.dataset_json
        )
        self._balance_domains()
        self._choose_normalization()
        with self.random_streams.stream("initial weights"):
            network = self._build_network().to(self.device)
        self.network = torch.compile(network) if self._do_i_compile() else network
        self.optimizer, self.lr_scheduler = self.configure_optimizers()
        if self.is_ddp:
            own_gpu = [self.device.index] if self.device.type == "cuda" else None
            self.network = names.DDP(nn.SyncBatchNorm.convert_sync_batchnorm(self.network), device_ids=own_gpu)
        self.loss = self._build_loss()
        self.dataset_class = names.infer_dataset_class(require_preprocessed(self.preprocessed_dataset_folder))
        self.was_initialized = True
        self.logger.update_config({"hparas": self._hyperparameters()})

    def _model_description(self) -> ModelDescription:
        return ModelDescription(self.plans_manager, self.configuration_manager, self.label_manager, self.dataset_json)

    def _hyperparameters(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in HYPERPARAMETERS} | {
            "batch_size": self.configuration_manager.batch_size
        }

    def _balance_domains(self) -> None:
        """Read the domains of the dataset and decide once what is drawn and scored by domain."""
        if self.preprocessed_dataset_folder_base is not None:
            found = read_dataset_domains(self.preprocessed_dataset_folder_base)
            self.dataset_domains = found.without_single_domain()
        settings = DomainBalanceSettings(
            RatioMode(self.domain_ratio_mode),
            self.balance_batches,
            self.use_edge_heads,
            self.select_by_balanced_dice,
            self.stratify_splits,
            self.select_by_worst_domain,
        )
        self.domain_sampling, self.domain_scoring = balance_domains(self.dataset_domains, settings)

    def _has_edge_heads(self) -> bool:
        return self.use_edge_heads and bool(self.dataset_domains.names)

    def _build_network(self) -> nn.Module:
        """Build the plain network and, on several domains, wrap it with edge heads."""
        network = build_network(self, self._model_description(), self.num_input_channels, self.enable_deep_supervision)
        if self._has_edge_heads():
            scales = self._get_deep_supervision_scales()
            self.edge_loss_weights = output_weights(scales, ddp=self.is_ddp, compiled=self._do_i_compile()) or (1.0,)
            dims = len(self.configuration_manager.patch_size)
            self.edge_branch = build_edge_branch(
                network, len(self.edge_loss_weights), dims, self.label_manager, self.boundary_loss_settings
            )
        return self.edge_branch.wrap(network)

    def _do_i_compile(self) -> bool:
        """Tell whether the network is compiled: on CUDA, unless the variable nnUNet_compile is false."""
        wanted = compile_setting()
        if self.device.type != "cuda" or os.name == "nt":
            if wanted:
                self.print_to_log_file(f"INFO: torch.compile is not used on {self.device.type} ({os.name})")
            return False
        return wanted is not False

    @staticmethod
    @accepts_older_forms
    def build_network_architecture(
        plans_manager: PlansManager,
        configuration_manager: ConfigurationManager,
        num_input_channels: int,
        num_output_channels: int,
        enable_deep_supervision: bool = True,
    ) -> nn.Module:
        """Build the network of the plans, which returns raw logits: a list with deep supervision, finest first."""
        network: nn.Module = trainer_module().get_network_from_plans(
            configuration_manager.network_arch_class_name,
            configuration_manager.network_arch_init_kwargs,
            configuration_manager.network_arch_init_kwargs_req_import,
            num_input_channels,
            num_output_channels,
            allow_init=True,
            deep_supervision=enable_deep_supervision,
        )
        return network

    def _get_deep_supervision_scales(self) -> list[list[float]] | None:
        """Return the size of each supervised output relative to the input, per axis; None without deep supervision."""
        if not self.enable_deep_supervision:
            return None
        strides = np.vstack(self.configuration_manager.pool_op_kernel_sizes)
        return (1 / np.cumprod(strides, axis=0))[:-1].tolist()

    def _set_batch_size_and_oversample(self) -> None:
        """Set `batch_size` from the plans; under DDP this rank's share of it and of the oversampling."""
        self.batch_size = self.configuration_manager.batch_size
        if self.is_ddp:
            ranks = current_ranks()
            share = share_batch(self.batch_size, ranks.world_size, ranks.rank, self.oversample_foreground_percent)
            self.batch_size, self.oversample_foreground_percent = share.batch_size, share.oversample

    def _build_loss(self) -> nn.Module:
        """Return the segmentation loss, weighted over the outputs of deep supervision."""
        names = trainer_module()
        loss: nn.Module = segmentation_loss(
            has_regions=self.label_manager.has_regions,
            ignore_label=self.label_manager.ignore_label,
            batch_dice=self.configuration_manager.batch_dice,
            ddp=self.is_ddp,
            dice_of_background=self._dice_includes_background(),
            label_loss=names.DC_and_CE_loss,
            region_loss=names.DC_and_BCE_loss,
            dice_class=names.MemoryEfficientSoftDiceLoss,
        )
        compiled = self._do_i_compile()
        loss = compile_dice(loss) if compiled else loss
        return supervise_deeply(
            loss,
            self._get_deep_supervision_scales(),
            ddp=self.is_ddp,
            compiled=compiled,
            wrapper=names.DeepSupervisionWrapper,
        )

    def _dice_includes_background(self) -> bool:
        return self._has_edge_heads() if self.dice_of_background is None else self.dice_of_background

    def configure_optimizers(self) -> tuple[torch.optim.Optimizer, Any]:
        """Return the optimizer and a scheduler whose `step` takes the epoch."""
        raise NotImplementedError

    def set_deep_supervision_enabled(self, enabled: bool) -> None:
        """Switch deep supervision on or off; override this hook for networks without a `decoder`."""
        network: Any = plain_network(self.network)
        network.decoder.deep_supervision = enabled

    def plot_network_architecture(self) -> None:
        """Draw the network as network_architecture.svg if it is a U-Net as in the plans."""
        planned = self.configuration_manager
        class_name = planned.network_arch_class_name.rpartition(".")[2]
        if self.local_rank != 0 or type(plain_network(self.network)).__name__ != class_name:
            return
        outputs = self.label_manager.num_segmentation_heads
        sizes = (planned.patch_size, planned.batch_size, self.num_input_channels, outputs)
        captions = caption_network(class_name, self.configuration_name, *sizes)
        plot_network(planned_stages(planned.patch_size, planned.network_arch_init_kwargs), captions, self.output_folder)
