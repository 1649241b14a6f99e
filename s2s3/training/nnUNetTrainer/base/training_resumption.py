"""The trainer hooks that write checkpoints and resume from them."""

import os
from collections.abc import Mapping
from typing import Any

from nnunetv2.boundary.edge_branch import plain_network
from nnunetv2.foundation.random_streams import streams_of
from nnunetv2.model_sharing.model_advice import LATEST
from nnunetv2.networks.weights import loads_in_its_own_way
from nnunetv2.training.checkpoints import checkpoint_files
from nnunetv2.training.checkpoints.checkpoint_files import write_checkpoint
from nnunetv2.training.checkpoints.epoch_so_far import ENTRY, EpochSoFar, logging_so_far
from nnunetv2.training.checkpoints.optimizer_state import SplitState, join_optimizer_state, split_optimizer_state
from nnunetv2.training.nnUNetTrainer.base.training_data import TrainingData
from nnunetv2.training.ranks import current_ranks
from s1.output_places import same_place

PathLike = str | os.PathLike[str]


class TrainingResumption(TrainingData):
    """Checkpoints of a training."""

    def save_checkpoint(self, filename: PathLike) -> None:
        """Write a checkpoint (rank 0), from which training resumes with the epoch after the current one."""
        if self.local_rank != 0:
            return
        if self.disable_checkpointing:
            self.print_to_log_file("No checkpoint written, checkpointing is disabled")
            return
        os.makedirs(os.path.dirname(os.path.abspath(filename)), exist_ok=True)
        write_checkpoint(self._checkpoint_content(), filename)
        if self._is_of_fold(filename):
            self._own_checkpoints.written(filename, self.print_to_log_file)

    def _checkpoint_content(self) -> dict[str, Any]:
        network = plain_network(self.network)
        optimizer = split_optimizer_state(self.optimizer, list(network.parameters()))
        return {
            "network_weights": network.state_dict(),
            "optimizer_state": optimizer.plain,
            "grad_scaler_state": None if self.grad_scaler is None else self.grad_scaler.state_dict(),
            "logging": self._logging_of_checkpoint(),
            "_best_ema": self._best_ema,
            "current_epoch": self.current_epoch + 1,
            "init_args": self.my_init_kwargs,
            "trainer_name": type(self).__name__,
            "inference_allowed_mirroring_axes": self.inference_allowed_mirroring_axes,
            **self._drift_entry(optimizer.heads),
        }

    def _logging_of_checkpoint(self) -> Mapping[str, Any]:
        curves = self.logger.get_checkpoint()
        if self._entry_of_epoch is None:
            return curves
        return logging_so_far(curves, self.current_epoch + 1, bool(self._entry_of_epoch.get("is_trained")))

    def _save_within_epoch(self) -> None:
        """Write the latest checkpoint between two steps; training resumes from it with the next one."""
        self._entry_of_epoch = self._so_far.to_entry(current_ranks().gather(self._so_far.train_outputs))
        self.current_epoch -= 1  # save_checkpoint stores the epoch after the current one
        self.save_checkpoint(os.path.join(self.output_folder, LATEST))
        self.current_epoch += 1
        if self._so_far.steps and not self._entry_of_epoch and not self.disable_checkpointing:
            self.print_to_log_file("train_step returns what no checkpoint can hold: its epoch begins anew")
        self._entry_of_epoch = None

    def _drift_entry(self, edge_optimizer: Mapping[str, Any]) -> dict[str, Any]:
        """Return our own state under one key, which nnU-Net ignores; empty if there is none."""
        domains = self.domain_scoring.checkpoint_entry()
        further = {**self._further_state(), **self._place_in_training()}
        if not domains and not further:
            return {}
        heads = {"edge_heads": self.edge_branch.state_dict(), "edge_optimizer": edge_optimizer} if domains else {}
        return {checkpoint_files.DRIFT_KEY: {"version": checkpoint_files.DRIFT_VERSION, **heads, **domains, **further}}

    def _place_in_training(self) -> dict[str, Any]:
        """Return the seed, if there is one, and within an epoch what it has given so far."""
        seed = {} if self.random_streams.seed is None else {"seed": self.random_streams.seed}
        return {**seed, **({ENTRY: self._entry_of_epoch} if self._entry_of_epoch else {})}

    def _further_state(self) -> dict[str, Any]:
        """Return entries that a variant adds to our own state, and restores in `_restore_progress`."""
        return {}

    def load_checkpoint(
        self,
        filename_or_checkpoint: PathLike | Mapping[str, Any] | None = None,
        *,
        checkpoint: PathLike | Mapping[str, Any] | None = None,
    ) -> None:
        """Resume from a checkpoint, given as a path or as its content, under either name.

        Raises CheckpointError, before anything changes, if it is damaged, incomplete or of another network.
        """
        source = checkpoint if filename_or_checkpoint is None else filename_or_checkpoint
        content = checkpoint_files.checkpoint_of(source, self.device)
        if not self.was_initialized:
            self.follow_checkpoint(content["network_weights"])
            self.initialize()
        name = "the checkpoint" if isinstance(source, Mapping) else str(source)
        network = plain_network(self.network)
        weights = content["network_weights"]
        if not loads_in_its_own_way(network):
            weights = checkpoint_files.fitting_weights(network.state_dict(), weights, name)
        heads = self._heads_of(content, name)
        optimizer_state = self._optimizer_state_of(content)
        ranks, drift = current_ranks(), content.get(checkpoint_files.DRIFT_KEY, {})
        so_far = EpochSoFar.from_entry(drift.get(ENTRY, {}), ranks.rank, ranks.world_size)
        network.load_state_dict(weights)
        self.edge_branch.load_state_dict(heads)
        self.optimizer.load_state_dict(optimizer_state)
        if self.grad_scaler is not None and content.get("grad_scaler_state") is not None:
            self.grad_scaler.load_state_dict(content["grad_scaler_state"])
        self._restore_progress(content)
        self._so_far = so_far
        if not isinstance(source, Mapping) and self._is_of_fold(name):
            self._own_checkpoints.loaded(name)

    def _is_of_fold(self, file: PathLike) -> bool:
        return same_place(os.path.dirname(os.path.abspath(file)), self.output_folder)

    def _restore_progress(self, content: Mapping[str, Any]) -> None:
        for change in checkpoint_files.describe_changes(content["init_args"], self.my_init_kwargs):
            self.print_to_log_file(f"WARNING: since this checkpoint was written, {change}")
        self.my_init_kwargs = content["init_args"]
        self.current_epoch = content["current_epoch"]
        self.logger.load_checkpoint(content["logging"])
        self._best_ema = None if content["_best_ema"] is None else float(content["_best_ema"])
        self.inference_allowed_mirroring_axes = content.get(
            "inference_allowed_mirroring_axes", self.inference_allowed_mirroring_axes
        )
        drift = content.get(checkpoint_files.DRIFT_KEY, {})
        self.domain_scoring.restore(drift if "domains" in drift else {}, self.print_to_log_file)
        self._go_on_with_seed(drift.get("seed"))

    def _go_on_with_seed(self, saved: int | None) -> None:
        """Take over the seed of a checkpoint; without one, keep our own from here on."""
        own = self.random_streams.seed
        if saved is None and own is not None:
            self.print_to_log_file(f"The checkpoint was written without a seed; seed {own} holds from here on.")
        if saved is not None and own not in (None, saved):
            self.print_to_log_file(f"WARNING: this training goes on with its seed {saved}, not with {own}")
        self.random_streams = streams_of(own if saved is None else saved)

    def _optimizer_state_of(self, content: Mapping[str, Any]) -> dict[str, Any]:
        drift = content.get(checkpoint_files.DRIFT_KEY, {})
        saved = SplitState(content["optimizer_state"], drift.get("edge_optimizer", {"state": {}}))
        plain = list(plain_network(self.network).parameters())
        return join_optimizer_state(self.optimizer, plain, saved)

    def _heads_of(self, content: Mapping[str, Any], name: str) -> dict[str, Any]:
        """Return the weights of the edge heads; empty if there are none in the checkpoint or in this training."""
        own, saved = self.edge_branch.state_dict(), content.get(checkpoint_files.DRIFT_KEY, {}).get("edge_heads")
        if saved and not own:
            self.print_to_log_file(
                f"{name}: its edge heads stay out of this training; nnUNetTrainerJointBalancing has some."
            )
        return checkpoint_files.fitting_weights(own, saved, f"{name} (edge heads)") if own and saved else {}
