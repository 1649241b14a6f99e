"""The trainers of `make demo` and `make demo-quick`: the default trainer with short schedules."""

from typing import Any

import torch

from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class nnUNetTrainerDemo(nnUNetTrainer):
    """120 small steps and predictions without mirroring: minutes on two cores, enough for synthetic tissue."""

    training_seed = 0
    """After so few steps, the Dice of the worst domain would be 0.80 in one run and 0.87 in the next."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.initial_lr = 0.1
        self.num_epochs = 3
        self.num_iterations_per_epoch = 40
        self.num_val_iterations_per_epoch = 4

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> Any:
        """Return nnU-Net's settings, and store that predictions need no mirrored copies: a quarter of the time."""
        settings = super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        self.inference_allowed_mirroring_axes = None
        return settings

    def configure_optimizers(self) -> tuple[torch.optim.Optimizer, Any]:
        """Return SGD with less momentum than nnU-Net's 0.99, whose average over 100 steps is slow to start."""
        weights = self.network.parameters()
        optimizer = torch.optim.SGD(
            weights, self.initial_lr, momentum=0.9, nesterov=True, weight_decay=self.weight_decay
        )
        return optimizer, PolyLRScheduler(optimizer, self.initial_lr, self.num_epochs)


class nnUNetTrainerQuickDemo(nnUNetTrainerDemo):
    """Half of the steps: enough to see that everything works."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.num_iterations_per_epoch = 20
        self.num_val_iterations_per_epoch = 3
