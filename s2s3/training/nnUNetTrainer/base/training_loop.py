"""The loop over epochs and their steps, which calls the hooks of the trainer."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch

from nnunetv2.foundation.stop_signals import Stopped, StopRequest, stops_deferred, stops_ignored
from nnunetv2.training.checkpoints.epoch_so_far import EpochSoFar
from nnunetv2.training.dataloading.loader_factory import end_loader
from nnunetv2.training.limits.advice import Measured, in_one_line
from nnunetv2.training.limits.pace import Pace, is_due
from nnunetv2.training.logging.training_curves import send_further, wait_for_loggers
from nnunetv2.training.nnUNetTrainer.base.training_resumption import TrainingResumption
from nnunetv2.training.ranks import current_ranks
from nnunetv2.training.run_folder.run_folders import STOP_FILE, take_stop_file
from nnunetv2.training.run_folder.run_log import with_progress
from nnunetv2.training.steps.loss_check import end_at_non_finite_loss, is_finite
from nnunetv2.training.steps.unseen_labels import UnseenLabels, in_words

Batch = dict[str, Any]
Output = dict[str, Any]


class TrainingLoop(TrainingResumption):
    """Runs the epochs of a training."""

    _stop_request = StopRequest()
    _first_epoch = 0
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
            self._first_epoch = self.current_epoch
            with stops_deferred() as self._stop_request:
                for _ in range(self.current_epoch, self.num_epochs):
                    self._run_epoch()
                    self._stop_if_asked()
                    if self._ends_early():
                        break
            self.on_train_end()
        finally:
            self._drawing.wait()
            wait_for_loggers(self.logger)
            end_loader(self.dataloader_train)
            end_loader(self.dataloader_val)

    def _run_epoch(self) -> None:
        self.on_epoch_start()
        if not self._so_far.is_trained:
            self._run_training_steps()
        with torch.no_grad():
            self.on_validation_epoch_start()
            steps = with_progress(range(self.num_val_iterations_per_epoch), "Validation", self.local_rank == 0)
            self.on_validation_epoch_end([self._validate_batch(number) for number in steps])
        self.on_epoch_end()
        self._so_far = EpochSoFar()

    def _run_training_steps(self) -> None:
        self.on_train_epoch_start()
        steps = range(self._so_far.steps, self.num_iterations_per_epoch)
        if steps.start:
            self.print_to_log_file(f"Epoch {self.current_epoch} goes on after {steps.start} training steps")
        unseen = UnseenLabels(None if self.current_epoch or steps.start else self.label_manager)
        pace = Pace(self.dataloader_train, self.device)
        for number in with_progress(steps, f"Epoch {self.current_epoch}", self.local_rank == 0):
            batch = pace.next_batch()
            unseen.look(batch)
            self._so_far.add(self._train_on(batch, number))
            self._stop_if_asked()
        self._report_pace(pace.measured(type(self)))
        self.on_train_epoch_end(self._so_far.train_outputs)
        self._report_unseen(unseen)
        self._so_far.is_trained = True

    def _report_pace(self, measured: Measured | None) -> None:
        """Say what limits the training (rank 0): in the log after some epochs, to other loggers after each."""
        if measured is None or self.local_rank != 0:
            return
        send_further(self.logger, "time/waiting_for_data", measured.waiting_share, self.current_epoch)
        if is_due(self.current_epoch, self._first_epoch):
            self.print_to_log_file(in_one_line(measured))

    def _train_on(self, batch: Batch, number: int) -> Output:
        with self._step_stream("training step", number):
            output = self.train_step(batch)
        if self.stop_at_non_finite_loss and not is_finite(output):
            end_at_non_finite_loss(batch, output, self.network, self._moment(number), self.output_folder)
        return output

    def _moment(self, step: int) -> dict[str, Any]:
        """Return what a file about a training step has to say about its moment."""
        return {
            "epoch": self.current_epoch,
            "step": step,
            "rank": current_ranks().rank,
            "seed": self.random_streams.seed,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "grad_scale": None if self.grad_scaler is None else self.grad_scaler.get_scale(),
        }

    def _report_unseen(self, unseen: UnseenLabels) -> None:
        """Report labels that no training patch of any rank has had."""
        of_ranks = current_ranks().gather(unseen.labels)
        labels = [label for label in unseen.labels if all(label in others for others in of_ranks)]
        if labels:
            named = in_words(labels, self.dataset_json["labels"])
            self.print_to_log_file(
                f"WARNING: no training patch of the first epoch has label {named}; check the masks of the fold's cases"
            )

    def _validate_batch(self, number: int) -> Output:
        self._stop_if_asked()
        batch = next(self.dataloader_val)
        with self._step_stream("validation step", number):
            return self.validation_step(batch)

    def _stop_if_asked(self) -> None:
        """After a signal write a checkpoint that the next step follows, and end the command, on all ranks at once."""
        request = self._stop_request
        number = current_ranks().highest(request.number, self.device) if request.watched else 0
        if not number:
            return
        with stops_ignored():
            self._save_within_epoch()
            current_ranks().wait_for_all()  # launchers kill the others soon after the first rank has ended
        stopped = Stopped(number)
        kept = (
            "its steps are lost, as checkpointing is disabled" if self.disable_checkpointing else "continue it with --c"
        )
        self.print_to_log_file(
            f"Signal {stopped.signal}: the training stops after {self._so_far.steps} training steps of epoch "
            f"{self.current_epoch}; {kept}"
        )
        raise stopped

    def _ends_early(self) -> bool:
        """Tell whether a file in the fold's folder asks for an end after the epoch; the file is removed."""
        is_asked = current_ranks().gather(self.local_rank == 0 and take_stop_file(self.output_folder))[0]
        if is_asked:
            self.print_to_log_file(
                f"The file {STOP_FILE!r} ends the training after {self.current_epoch} of {self.num_epochs} epochs"
            )
        return bool(is_asked)

    def _step_stream(self, purpose: str, number: int) -> AbstractContextManager[None]:
        """Return the context in which a step of the epoch draws random numbers, such as those of dropout."""
        rank = current_ranks().rank
        return self.random_streams.stream(purpose, self.current_epoch, number, rank, device=self.device)
