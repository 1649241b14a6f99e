"""Validation after training: predicts, exports and scores each whole validation case of the fold."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnunetv2.domains.dataset_domains import DatasetDomains
from nnunetv2.domains.domain_summary import format_domain_table, write_domain_summary
from nnunetv2.imageio.side_files import side_files_of_label
from nnunetv2.inference.export_prediction import export_prediction_from_logits
from nnunetv2.inference.export_queue import ExportQueue
from nnunetv2.training.ranks import Ranks
from nnunetv2.training.validation.next_stage import NextStage
from nnunetv2.utilities.label_handling.label_handling import convert_labelmap_to_one_hot
from nnunetv2.utilities.plans_handling.model_description import ModelDescription
from s1.listed_files import list_files

Report = Callable[[str], None]

SMALL_WORK = 200_000_000
"""Number of logits, over all cases, up to which this process exports: starting workers would take longer."""
CASES_BETWEEN_BARRIERS = 20


@dataclass(frozen=True)
class ValidationPlan:
    """The validation cases, and where their predictions go."""

    model: ModelDescription
    dataset: Any
    """The dataset of the validation cases."""
    output_folder: Path
    next_stages: Sequence[NextStage]
    save_probabilities: bool
    num_processes: int
    export: Callable[..., None] = export_prediction_from_logits
    """Writes the segmentation of a case."""
    one_hot: Callable[..., np.ndarray] = convert_labelmap_to_one_hot

    def load(self, case: str) -> tuple[Tensor, dict[str, Any]]:
        """Return the network's input (C, *space) as float32 and the properties of a case.

        In a cascade the foreground labels of the previous stage follow the image as one channel each.
        """
        data, _, previous, properties = self.dataset.load_case(case)
        image = np.asarray(data[:])
        if previous is not None:
            labels = self.model.labels.foreground_labels
            image = np.vstack([image, self.one_hot(np.asarray(previous[:]), labels, image.dtype)])
        return torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32)), properties

    def workers_for(self, cases: Sequence[str]) -> int:
        """Return the number of export processes: none if all cases together are little work."""
        if not cases:
            return 0
        voxels = int(np.prod(self.dataset.load_case(cases[0])[0].shape[1:]))
        work = len(cases) * voxels * self.model.labels.num_segmentation_heads
        return 0 if work <= SMALL_WORK else min(self.num_processes, len(cases))


def predict_validation_cases(
    plan: ValidationPlan, cases: Sequence[str], predict: Callable[[Tensor], Tensor], ranks: Ranks, report: Report
) -> None:
    """Predict this rank's share of the cases and export them while the next ones are predicted.

    Parameters:
        predict: sliding window; input (C, *space), result logits (K, *space).

    Raises CaseFailedError or CasesFailedError, after all were predicted, if exports failed; WorkerDiedError at once if
    a process that exports was killed. They name the cases.
    """
    own = cases[ranks.rank :: ranks.world_size]
    plan.output_folder.mkdir(parents=True, exist_ok=True)
    with ExportQueue(plan.workers_for(own)) as exports:
        for case in _with_progress(own, len(cases) // ranks.world_size, ranks):
            report(f"predicting {case}")
            data, properties = plan.load(case)
            report(f"{case}, shape {data.shape}, rank {ranks.rank}")
            _export(plan, exports, case, predict(data).cpu().numpy(), properties)
        exports.finish()


def _export(
    plan: ValidationPlan, exports: ExportQueue, case: str, logits: np.ndarray, properties: dict[str, Any]
) -> None:
    model, target = plan.model, str(plan.output_folder / case)
    described = (properties, model.configuration, model.plans, model.dataset_json)
    exports.submit(case, plan.export, logits, *described, target, plan.save_probabilities)
    for stage in plan.next_stages:
        stage.export(exports, case, logits, properties, model)


def _with_progress(cases: Sequence[str], cases_of_every_rank: int, ranks: Ranks) -> Iterator[str]:
    """Yield the cases under a progress bar; ranks wait for each other now and then, so that none times out.

    Parameters:
        cases_of_every_rank: the smallest number of cases of a rank, so that all ranks wait equally often.
    """
    from tqdm import tqdm

    progress = tqdm(cases, desc="Validation", disable=None if ranks.rank == 0 else True)
    for number, case in enumerate(progress, start=1):
        yield case
        if number < cases_of_every_rank and number % CASES_BETWEEN_BARRIERS == 0:
            ranks.wait_for_all()


def set_aside_stale_predictions(
    folder: Path, cases: Sequence[str], file_ending: str, reader: Any, report: Report
) -> None:
    """Move predictions of cases that the fold no longer validates to `stale`, so that they are not scored.

    Parameters:
        reader: knows the files beside a prediction, which move with it.
    """
    kept = {f"{case}{file_ending}" for case in cases}
    for name in list_files(folder, file_ending).names if folder.is_dir() else []:
        file = folder / name
        if name not in kept:
            report(f"moving {file.name} to the folder stale: it is not a validation case of this fold")
            (folder / "stale").mkdir(exist_ok=True)
            for moved in (file, *side_files_of_label(reader, file)):
                if moved.is_file():
                    moved.replace(folder / "stale" / moved.name)


def report_metrics(metrics: Mapping[str, Any], logger: Any, report: Report) -> None:
    """Report the mean Dice of the validation and log all classes to external loggers."""
    for label, values in metrics["mean"].items():
        logger.log_summary(f"final_val/class_{label}_dice", values["Dice"])
    logger.log_summary("final_val/foreground_dice", metrics["foreground_mean"]["Dice"])
    report("Validation complete")
    report(f"Mean Validation Dice:  {metrics['foreground_mean']['Dice']}")


def report_by_domain(dataset: DatasetDomains, folder: Path, report: Report) -> None:
    """Write domain_summary.json next to summary.json and report its table, if the dataset has domains."""
    if dataset.names:
        report(f"\n{format_domain_table(write_domain_summary(folder / 'summary.json', dataset))}")


def reference_folder(preprocessed_base: str) -> str:
    """Return the folder of the reference segmentations in their original geometry."""
    return os.path.join(preprocessed_base, "gt_segmentations")
