"""Training that starts with a rising learning rate."""

from typing import Any

import torch

from nnunetv2.foundation.late_names import late_names
from nnunetv2.training.lr_scheduler.warmup import Lin_incr_LRScheduler, PolyLRScheduler_offset
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(__name__, {"nnunetv2.utilities.helpers": ("empty_cache",)})


class nnUNetTrainer_warmup(nnUNetTrainer):
    """Raises the learning rate over `warmup_duration_whole_net` epochs, then decays it to zero over the rest.

    `training_stage` is "warmup_all" or "train"; it follows from the epoch, also after loading a checkpoint.
    """

    warmup_duration_whole_net = 50
    training_stage: str | None = None

    def configure_optimizers(self, stage: str = "warmup_all") -> tuple[torch.optim.Optimizer, Any]:
        """Return optimizer and schedule of a stage; an existing optimizer is kept."""
        self.training_stage = stage
        optimizer = self._make_optimizer() if self.optimizer is None else self.optimizer
        self.print_to_log_file(f"Learning rate schedule of stage {stage} from epoch {self.current_epoch} on")
        if stage == "warmup_all":
            return optimizer, Lin_incr_LRScheduler(optimizer, self.initial_lr, self.warmup_duration_whole_net)
        return optimizer, PolyLRScheduler_offset(
            optimizer, self.initial_lr, self.num_epochs, self.warmup_duration_whole_net
        )

    def _make_optimizer(self) -> torch.optim.Optimizer:
        return super().configure_optimizers()[0]

    def on_train_epoch_start(self) -> None:
        """Change the stage if it is time, then set the learning rate of the epoch."""
        stage = "warmup_all" if self.current_epoch < self.warmup_duration_whole_net else "train"
        if stage != self.training_stage:
            self.optimizer, self.lr_scheduler = self.configure_optimizers(stage)
        super().on_train_epoch_start()
