"""The validation predictions of a cascade stage, stored for the next stage in the next stage's geometry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnunetv2.configuration import default_num_processes
from nnunetv2.errors import DatasetError
from nnunetv2.inference.export_prediction import resample_and_save
from nnunetv2.inference.export_queue import ExportQueue
from nnunetv2.model_sharing.model_advice import train_command
from nnunetv2.training.dataloading.nnunet_dataset import infer_dataset_class
from nnunetv2.utilities.plans_handling.model_description import ModelDescription

Report = Callable[[str], None]
ENDINGS = (".b2nd", ".npz", ".npy")


@dataclass(frozen=True)
class NextStage:
    """A configuration that takes this one's predictions as input."""

    name: str
    preprocessed_folder: Path
    """The preprocessed cases of that configuration."""
    output_folder: Path
    report: Report
    infer_dataset_class: Callable[[str], Any] = infer_dataset_class
    resample_and_save: Callable[..., None] = resample_and_save

    def export(
        self,
        exports: ExportQueue,
        case: str,
        logits: np.ndarray,
        properties: dict[str, Any],
        model: ModelDescription,
    ) -> None:
        """Submit the logits (K, *space) to be resampled and stored as labels.

        A case that was not preprocessed for the next stage is reported and skipped.
        """
        try:
            dataset_class = self.infer_dataset_class(str(self.preprocessed_folder))
            shape = dataset_class(str(self.preprocessed_folder), [case]).load_case(case)[0].shape[1:]
        except (FileNotFoundError, AssertionError):
            self.report(
                f"Predicting next stage {self.name} failed for case {case} because it is not preprocessed for that "
                f"configuration in {self.preprocessed_folder}"
            )
            return
        self.output_folder.mkdir(parents=True, exist_ok=True)
        target = str(self.output_folder / case)
        settings = (model.plans, model.configuration, properties, model.dataset_json, default_num_processes)
        exports.submit(case, self.resample_and_save, logits, shape, target, *settings, dataset_class)


def require_previous_stage(folder: str | None, cases: Sequence[str]) -> None:
    """Raise a DatasetError naming all cases without a segmentation of the previous stage; None: no such stage."""
    if folder is None:
        return
    missing = [case for case in cases if not any((Path(folder) / f"{case}{ending}").is_file() for ending in ENDINGS)]
    if missing:
        previous_stage = Path(folder).parent.parent
        raise DatasetError(
            f"{folder} lacks the segmentations of {len(missing)} cases; they come from the final validation of the "
            f"previous stage, so train all of its folds (or fold all) first: {train_command(previous_stage, 0)}, ...",
            missing,
        )


def next_stages(
    model: ModelDescription,
    preprocessed_base: str,
    output_base: str,
    report: Report,
    **functions: Callable[..., Any],
) -> list[NextStage]:
    """Return the configurations that take this one's predictions as input, with their folders.

    Parameters:
        functions: the functions that NextStage calls, if not the usual ones.
    """
    return [
        NextStage(
            name=name,
            preprocessed_folder=Path(preprocessed_base) / model.plans.get_configuration(name).data_identifier,
            output_folder=Path(output_base) / "predicted_next_stage" / name,
            report=report,
            **functions,
        )
        for name in model.configuration.next_stage_names or ()
    ]
