"""Training with Adan, from the optional package adan_pytorch."""

from typing import Any

import torch

from nnunetv2.errors import SettingsError
from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler
from nnunetv2.training.lr_scheduler.warmup import CosineAnnealingLR_offset
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class nnUNetTrainerAdan(nnUNetTrainer):
    """Trains with Adan; SettingsError where the package is missing."""

    def configure_optimizers(self) -> tuple[torch.optim.Optimizer, Any]:
        """Return the optimizer and the schedule of the base."""
        try:
            from adan_pytorch import Adan
        except ImportError:
            raise SettingsError(
                f"{type(self).__name__} needs the package adan_pytorch: `pip install adan_pytorch`"
            ) from None
        optimizer = Adan(self.network.parameters(), lr=self.initial_lr, weight_decay=self.weight_decay)
        return optimizer, PolyLRScheduler(optimizer, self.initial_lr, self.num_epochs)


class nnUNetTrainerAdan1en3(nnUNetTrainerAdan):
    """Trains with Adan from a learning rate of 1e-3."""

    initial_lr = 1e-3


class nnUNetTrainerAdan3en4(nnUNetTrainerAdan):
    """Trains with Adan from a learning rate of 3e-4."""

    initial_lr = 3e-4


class nnUNetTrainerAdan1en1(nnUNetTrainerAdan):
    """Trains with Adan from a learning rate of 1e-1."""

    initial_lr = 1e-1


class nnUNetTrainerAdanCosAnneal(nnUNetTrainerAdan):
    """Trains with Adan and a learning rate that falls along half a cosine."""

    def configure_optimizers(self) -> tuple[torch.optim.Optimizer, Any]:
        """Return the optimizer of the base and the schedule."""
        optimizer, _ = super().configure_optimizers()
        return optimizer, CosineAnnealingLR_offset(optimizer, T_max=self.num_epochs)
