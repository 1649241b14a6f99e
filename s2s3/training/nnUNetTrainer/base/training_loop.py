"""The loop over epochs and their steps, which calls the hooks of the trainer."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch

from nnunetv2.training.dataloading.loader_factory import end_loader
from nnunetv2.training.nnUNetTrainer.base.training_resumption import TrainingResumption
from nnunetv2.training.ranks import current_ranks
from nnunetv2.training.run_folder.run_log import with_progress

Batch = dict[str, Any]
Output = dict[str, Any]


class TrainingLoop(TrainingResumption):
    """Runs the epochs of a training."""

    on_train_start: Callable[[], None]
    on_train_end: Callable[[], None]
    on_epoch_start: Callable[[], None]
    on_epoch_end: Callable[[], None]
    on_train_epoch_start: Callable[[], None]
    train_step: Callable[[Batch], Output]
    on_train_epoch_end: Callable[[list[Output]], None]
    on_validation_epoch_start: Callable[[], None]
    validation_step: Callable[[Batch], Output]
    on_validation_epoch_end: Callable[[list[Output]], None]

    def run_training(self) -> None:
        """Run the remaining epochs; always end the loader processes afterwards."""
        try:
            self.on_train_start()
            for _ in range(self.current_epoch, self.num_epochs):
                self._run_epoch()
            self.on_train_end()
        finally:
            end_loader(self.dataloader_train)
            end_loader(self.dataloader_val)

    def _run_epoch(self) -> None:
        self.on_epoch_start()
        self.on_train_epoch_start()
        steps = with_progress(self.num_iterations_per_epoch, f"Epoch {self.current_epoch}", self.local_rank == 0)
        self.on_train_epoch_end([self._train_batch(number) for number in steps])
        with torch.no_grad():
            self.on_validation_epoch_start()
            steps = with_progress(self.num_val_iterations_per_epoch, "Validation", self.local_rank == 0)
            self.on_validation_epoch_end([self._validate_batch(number) for number in steps])
        self.on_epoch_end()

    def _train_batch(self, number: int) -> Output:
        batch = next(self.dataloader_train)
        with self._step_stream("training step", number):
            return self.train_step(batch)

    def _validate_batch(self, number: int) -> Output:
        batch = next(self.dataloader_val)
        with self._step_stream("validation step", number):
            return self.validation_step(batch)

    def _step_stream(self, purpose: str, number: int) -> AbstractContextManager[None]:
        """Return the context in which a step of the epoch draws random numbers, such as those of dropout."""
        rank = current_ranks().rank
        return self.random_streams.stream(purpose, self.current_epoch, number, rank, device=self.device)
