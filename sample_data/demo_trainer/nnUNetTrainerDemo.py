"""The trainer of `make demo`: everything as usual, only shorter."""

from typing import Any

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class nnUNetTrainerDemo(nnUNetTrainer):
    """Short epochs, few of them: minutes on two cores, enough for drawn tissue."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.num_epochs = 16
        self.num_iterations_per_epoch = 40
        self.num_val_iterations_per_epoch = 6
