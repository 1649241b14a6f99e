"""Training with the Adam family of optimizers."""

from typing import Any

import torch

from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class nnUNetTrainerAdam(nnUNetTrainer):
    """Trains with AdamW (amsgrad)."""

    def configure_optimizers(self) -> tuple[torch.optim.Optimizer, Any]:
        """Return the optimizer and the schedule of the base."""
        optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=self.initial_lr, weight_decay=self.weight_decay, amsgrad=True
        )
        return optimizer, PolyLRScheduler(optimizer, self.initial_lr, self.num_epochs)


class nnUNetTrainerAdam1en3(nnUNetTrainerAdam):
    """Trains with AdamW from a learning rate of 1e-3."""

    initial_lr = 1e-3


class nnUNetTrainerAdam3en4(nnUNetTrainerAdam):
    """Trains with AdamW from a learning rate of 3e-4."""

    initial_lr = 3e-4


class nnUNetTrainerVanillaAdam(nnUNetTrainer):
    """Trains with Adam."""

    def configure_optimizers(self) -> tuple[torch.optim.Optimizer, Any]:
        """Return the optimizer and the schedule of the base."""
        optimizer = torch.optim.Adam(self.network.parameters(), lr=self.initial_lr, weight_decay=self.weight_decay)
        return optimizer, PolyLRScheduler(optimizer, self.initial_lr, self.num_epochs)


class nnUNetTrainerVanillaAdam1en3(nnUNetTrainerVanillaAdam):
    """Trains with Adam from a learning rate of 1e-3."""

    initial_lr = 1e-3


class nnUNetTrainerVanillaAdam3en4(nnUNetTrainerVanillaAdam):
    """Trains with Adam from a learning rate of 3e-4."""

    initial_lr = 3e-4
