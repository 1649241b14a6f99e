"""The trainer of `make demo`: the default trainer with a short schedule."""

from typing import Any

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class nnUNetTrainerDemo(nnUNetTrainer):
    """A few short epochs: minutes on two cores, enough for synthetic tissue."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.num_epochs = 16
        self.num_iterations_per_epoch = 40
        self.num_val_iterations_per_epoch = 6
