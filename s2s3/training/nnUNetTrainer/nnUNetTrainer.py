"""The trainer: hooks that subclasses may override, each a few lines around a part from another room of `training`.

The order of the hooks and their return values are nnU-Net's. Hooks are called through `self`; the parts receive values,
never the trainer. Constructor, building, data, checkpoints and the loop over epochs are in the classes of `base`, each
of which extends the previous one: TrainingState, TrainingSetup, TrainingData, TrainingResumption, TrainingLoop.
"""

import os
from collections.abc import Mapping
from functools import partial
from os.path import isfile, join
from pathlib import Path
from time import time
from typing import Any

import numpy as np
import torch
from torch.amp import autocast

from nnunetv2.boundary.edge_branch import plain_network
from nnunetv2.configuration import default_num_processes
from nnunetv2.domains.domain_metrics import mean_without_nan
from nnunetv2.evaluation.evaluate_predictions import compute_metrics_on_folder
from nnunetv2.foundation.files import write_json
from nnunetv2.foundation.late_names import late_names
from nnunetv2.inference.export_prediction import export_prediction_from_logits, resample_and_save
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.training.checkpoints import checkpoint_files
from nnunetv2.training.dataloading.loader_factory import end_loader
from nnunetv2.training.dataloading.nnunet_dataset import infer_dataset_class
from nnunetv2.training.logging.training_curves import training_curves, wait_for_loggers
from nnunetv2.training.loss.dice import get_tp_fp_fn_tn
from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler

# Trainers of other people read, star-import and replace these names in this module. Hooks therefore look classes and
# functions of nnU-Net up here whenever they run; those of the base classes do it with base.replaceable.
from nnunetv2.training.nnUNetTrainer.base.imported_names import *  # noqa: F403
from nnunetv2.training.nnUNetTrainer.base.training_loop import TrainingLoop
from nnunetv2.training.ranks import current_ranks
from nnunetv2.training.run_folder import run_log
from nnunetv2.training.run_folder.run_folders import write_model_files
from nnunetv2.training.steps import epoch_metrics, optimizer_step
from nnunetv2.training.steps.edge_learning import agreement_output, edge_f1, edge_output, report_idle_heads
from nnunetv2.training.validation import final_validation
from nnunetv2.training.validation.next_stage import next_stages
from nnunetv2.utilities.collate_outputs import collate_outputs
from nnunetv2.utilities.default_n_proc_DA import get_allowed_n_proc_DA
from nnunetv2.utilities.helpers import dummy_context, empty_cache
from nnunetv2.utilities.label_handling.label_handling import convert_labelmap_to_one_hot
from s1.file_endings import label_ending

# Another such name, whose module takes seconds to import.
__getattr__, __dir__ = late_names(__name__, {"torch._dynamo": ("OptimizedModule",)})


class nnUNetTrainer(TrainingLoop):
    """Trains one fold of a configuration as nnU-Net does; docs/domains.md says what differs on several domains."""

    def configure_optimizers(self) -> tuple[torch.optim.Optimizer, Any]:
        """Return the optimizer and a scheduler whose `step` takes the epoch."""
        optimizer = torch.optim.SGD(
            self.network.parameters(), self.initial_lr, momentum=0.99, nesterov=True, weight_decay=self.weight_decay
        )
        return optimizer, PolyLRScheduler(optimizer, self.initial_lr, self.num_epochs)

    def on_train_start(self) -> None:
        """Prepare data, loaders and network, and write the files of the model folder."""
        if not self.was_initialized:
            self.initialize()
        self._require_trainable_normalization()
        self._unpack()
        self._make_loaders()
        os.makedirs(self.output_folder, exist_ok=True)
        self.set_deep_supervision_enabled(self.enable_deep_supervision)
        self.print_to_log_file(run_log.CITATION, also_print_to_console=False, add_timestamp=False)
        self.print_plans()
        empty_cache(self.device)
        write_model_files(
            self.plans_manager.plans, self.dataset_json, self._preprocessed_base(), self.output_folder_base
        )
        self.plot_network_architecture()
        self._save_debug_information()

    def _unpack(self) -> None:
        """Unpack cases stored by old versions before a loader reads them; current formats need no unpacking."""
        if self.local_rank == 0:
            processes = max(1, get_allowed_n_proc_DA() // 2)
            self.dataset_class.unpack_dataset(
                self.preprocessed_dataset_folder, overwrite_existing=False, num_processes=processes, verify=True
            )
        current_ranks().wait_for_all()

    def on_train_end(self) -> None:
        """Write the final checkpoint, remove the latest one, end the loaders."""
        self.current_epoch -= 1  # save_checkpoint stores the epoch after the current one
        self.save_checkpoint(join(self.output_folder, "checkpoint_final.pth"))
        self.current_epoch += 1
        latest = join(self.output_folder, "checkpoint_latest.pth")
        if self.local_rank == 0 and isfile(latest):
            os.remove(latest)
        end_loader(self.dataloader_train)
        end_loader(self.dataloader_val)
        empty_cache(self.device)
        self.print_to_log_file("Training done.")

    def on_train_epoch_start(self) -> None:
        """Set the learning rate of the epoch."""
        self.network.train()
        self.lr_scheduler.step(self.current_epoch)
        learning_rate = self.optimizer.param_groups[0]["lr"]
        self.print_to_log_file("")
        self.print_to_log_file(f"Epoch {self.current_epoch}")
        self.print_to_log_file(f"Current learning rate: {round(float(learning_rate), 5)}")
        self.logger.log("lrs", learning_rate, self.current_epoch)

    def train_step(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Take one optimizer step; return its loss, and the edge loss if there is one."""
        data, target = optimizer_step.to_device(batch, self.device)
        self.optimizer.zero_grad(set_to_none=True)
        with optimizer_step.automatic_precision(self.device, autocast, dummy_context):
            output = self.network(data)
            loss = self._training_loss(output, target, batch)
            loss = self.edge_branch.add_loss(loss, self.network, target, self.edge_loss_weights)
        optimizer_step.descend(loss, self.network, self.optimizer, self.grad_scaler)
        return {"loss": loss.detach().cpu().numpy(), **edge_output(self.edge_branch)}

    def _training_loss(self, output: Any, target: Any, batch: Mapping[str, Any]) -> torch.Tensor:
        """Return the segmentation loss of a training batch, on the device; variants may look at its cases."""
        return self.loss(output, target)

    def on_train_epoch_end(self, train_outputs: list[dict[str, Any]]) -> None:
        """Log the mean loss of the epoch."""
        outputs, ranks = collate_outputs(train_outputs), current_ranks()
        self.logger.log("train_losses", np.mean(np.concatenate(ranks.gather(outputs["loss"]))), self.current_epoch)
        edge_losses = np.concatenate(ranks.gather(outputs.get("edge_loss", [])))
        self.domain_scoring.log_edge_loss(edge_losses.tolist(), self.current_epoch, self.logger)
        report_idle_heads(self.edge_branch, self.print_to_log_file)

    def on_validation_epoch_start(self) -> None:
        """Switch the network to evaluation mode."""
        self.network.eval()

    def validation_step(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return loss and hard counts of a batch, and its domain if there are several."""
        data, target = optimizer_step.to_device(batch, self.device)
        precision = optimizer_step.automatic_precision(self.device, autocast, dummy_context)
        with precision, self.edge_branch.observed(self.network):
            output = self.network(data)
            loss = self.loss(output, target)
        edges = agreement_output(self.edge_branch, self.network, target)
        if self.enable_deep_supervision:
            output, target = output[0], target[0]
        labels = self.label_manager
        counts = epoch_metrics.hard_counts(output, target, labels.has_regions, labels.ignore_label, get_tp_fp_fn_tn)
        return {
            "loss": loss.detach().cpu().numpy(),
            **counts,
            **edges,
            **self.domain_scoring.tag(batch.get("keys", ())),
        }

    def on_validation_epoch_end(self, val_outputs: list[dict[str, Any]]) -> None:
        """Log loss and pseudo Dice of the epoch, also per domain if there are several."""
        outputs, ranks, epoch = collate_outputs(val_outputs), current_ranks(), self.current_epoch
        dice = epoch_metrics.merge_counts(ranks.gather(epoch_metrics.total_counts(outputs))).dice()
        by_domain = epoch_metrics.merge_domain_counts(ranks.gather(epoch_metrics.counts_by_domain(outputs)))
        self.logger.log("mean_fg_dice", mean_without_nan(dice), epoch)
        self.logger.log("dice_per_class_or_region", dice, epoch)
        self.logger.log("val_losses", np.mean(np.concatenate(ranks.gather(outputs["loss"]))), epoch)
        self.domain_scoring.log_validation(by_domain, epoch, self.logger)
        self.domain_scoring.log_edge_f1(edge_f1(ranks.gather(outputs.get("edge_agreement", []))), epoch)

    def on_epoch_start(self) -> None:
        """Log the start time."""
        self.logger.log("epoch_start_timestamps", time(), self.current_epoch)

    def on_epoch_end(self) -> None:
        """Report the epoch, write due checkpoints and the curves, and advance to the next epoch."""
        self.logger.log("epoch_end_timestamps", time(), self.current_epoch)
        self._report_epoch()
        policy = checkpoint_files.CheckpointPolicy(self.save_every, self.num_epochs)
        if policy.latest_is_due(self.current_epoch):
            self.save_checkpoint(join(self.output_folder, "checkpoint_latest.pth"))
        score = self.domain_scoring.score(self.logger.get_value("ema_fg_dice", step=-1), self.current_epoch)
        if checkpoint_files.is_new_best(score, self._best_ema):
            self._best_ema = score
            self.print_to_log_file(f"New best EMA pseudo Dice: {round(score, 4)}")
            self.save_checkpoint(join(self.output_folder, "checkpoint_best.pth"))
        if self.local_rank == 0:
            draw = partial(self.logger.plot_progress_png, self.output_folder)
            self._drawing.start(draw, Path(self.output_folder) / "progress.png")
            curves = training_curves(
                self.logger.get_checkpoint(), self.domain_scoring.curves, self.domain_sampling.train_ratios
            )
            write_json(curves, join(self.output_folder, "training_curves.json"))
        self.current_epoch += 1

    def _report_epoch(self) -> None:
        last = {key: self.logger.get_value(key, step=-1) for key in run_log.REPORTED}
        self.print_to_log_file("train_loss", round(last["train_losses"], 4))
        self.print_to_log_file("val_loss", round(last["val_losses"], 4))
        self.print_to_log_file("Pseudo dice", [round(value, 4) for value in last["dice_per_class_or_region"]])
        self.domain_scoring.report(self.print_to_log_file)
        duration = last["epoch_end_timestamps"] - last["epoch_start_timestamps"]
        self.print_to_log_file(f"Epoch time: {round(duration, 2)} s")

    def perform_actual_validation(self, save_probabilities: bool = False) -> None:
        """Predict, export and score whole validation cases, also per domain if there are several."""
        cases, ranks = sorted(self.do_split()[1]), current_ranks()
        plan = self._validation_plan(cases, save_probabilities)
        self.set_deep_supervision_enabled(False)
        self.network.eval()
        predict = self._validation_predictor().predict_sliding_window_return_logits
        final_validation.predict_validation_cases(plan, cases, predict, ranks, self.print_to_log_file)
        ranks.wait_for_all()
        if ranks.rank == 0:
            self._score_validation(plan, cases, ranks.neighbours)
        self.set_deep_supervision_enabled(self.enable_deep_supervision)

    def _validation_plan(self, cases: list[str], save_probabilities: bool) -> final_validation.ValidationPlan:
        stages = next_stages(
            self._model_description(),
            self._preprocessed_base(),
            self.output_folder_base,
            self.print_to_log_file,
            infer_dataset_class=infer_dataset_class,
            resample_and_save=resample_and_save,
        )
        return final_validation.ValidationPlan(
            model=self._model_description(),
            dataset=self._dataset(list(cases)),
            output_folder=Path(self.output_folder) / "validation",
            next_stages=stages,
            save_probabilities=save_probabilities,
            num_processes=default_num_processes,
            export=export_prediction_from_logits,
            one_hot=convert_labelmap_to_one_hot,
        )

    def _validation_predictor(self) -> nnUNetPredictor:
        predictor = nnUNetPredictor(
            tile_step_size=0.5,
            use_gaussian=True,
            use_mirroring=True,
            perform_everything_on_device=self.device.type == "cuda",
            device=self.device,
            verbose=False,
            verbose_preprocessing=False,
            allow_tqdm=False,
        )
        predictor.manual_initialization(
            plain_network(self.network),
            self.plans_manager,
            self.configuration_manager,
            None,
            self.dataset_json,
            type(self).__name__,
            self.inference_allowed_mirroring_axes,
        )
        return predictor

    def _score_validation(self, plan: final_validation.ValidationPlan, cases: list[str], ranks: int) -> None:
        ending, labels = label_ending(self.dataset_json["file_ending"]), self.label_manager
        reader = self.plans_manager.image_reader_writer_class()
        final_validation.set_aside_stale_predictions(plan.output_folder, cases, ending, reader, self.print_to_log_file)
        metrics = compute_metrics_on_folder(
            final_validation.reference_folder(self._preprocessed_base()),
            str(plan.output_folder),
            str(plan.output_folder / "summary.json"),
            reader,
            ending,
            labels.foreground_regions if labels.has_regions else labels.foreground_labels,
            labels.ignore_label,
            chill=True,
            num_processes=plan.workers_for(cases) * ranks,
        )
        final_validation.report_metrics(metrics, self.logger, self.print_to_log_file)
        final_validation.report_by_domain(self.dataset_domains, plan.output_folder, self.print_to_log_file)
        wait_for_loggers(self.logger)
