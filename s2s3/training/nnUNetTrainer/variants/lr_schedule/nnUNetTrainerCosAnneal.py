"""Training with a learning rate that falls along a cosine."""

from typing import Any

import torch

from nnunetv2.training.lr_scheduler.warmup import CosineAnnealingLR_offset
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class nnUNetTrainerCosAnneal(nnUNetTrainer):
    """Lets the learning rate fall to zero along half a cosine."""

    def configure_optimizers(self) -> tuple[torch.optim.Optimizer, Any]:
        """Return the optimizer of the base and the schedule."""
        optimizer, _ = super().configure_optimizers()
        return optimizer, CosineAnnealingLR_offset(optimizer, T_max=self.num_epochs)
