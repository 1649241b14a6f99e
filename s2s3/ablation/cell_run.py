"""Trains one cell of an ablation and scores it on its test cases."""

import os
import random
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nnunetv2.ablation.budget import Budget
from nnunetv2.ablation.case_scores import score_case
from nnunetv2.ablation.cells import RESULT, VERSION, Cell, describe, read_result
from nnunetv2.ablation.encoder_features import recording_bottleneck
from nnunetv2.ablation.protocols import Part
from nnunetv2.ablation.unseen_flag import DISTANCE, LIMIT
from nnunetv2.ablation.worst_cases import WorstCases
from nnunetv2.boundary.edge_branch import plain_network
from nnunetv2.evaluation.summary_file import label_or_region_to_key
from nnunetv2.file_kinds.dataset_files import MODEL_DATASET
from nnunetv2.file_kinds.plans_files import PLANS
from nnunetv2.foundation.file_lock import FileLock
from nnunetv2.foundation.files import read_json, write_json
from nnunetv2.inference.export_prediction import convert_predicted_logits_to_segmentation_with_correct_shape
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.pathology.stain.colour_features import colour_features
from nnunetv2.training.validation.final_validation import reference_folder
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
from s1.file_endings import label_ending

_CURVES = "training_curves.json"


@dataclass(frozen=True)
class CellTask:
    """A cell with everything that a process needs to do it."""

    cell: Cell
    part: Part
    budget: Budget
    root: Path
    """The folder of the ablation."""
    preprocessed: Path
    """The preprocessed dataset."""
    device: str = "cpu"
    threads: int = 1
    """Of torch, on the CPU."""


def run_cell(task: CellTask) -> bool:
    """Train and score a cell, and write its result; do nothing if it has one, or if another process works on it.

    Returns whether the cell is done. What the training prints goes to `output.txt` in the cell's folder.
    """
    folder = task.cell.folder(task.root)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    if not lock.take():
        return False
    try:
        if read_result(task.cell, task.root, task.budget, task.part) is None:
            with _output_to(folder / "output.txt"):
                write_json(_measure(task, folder), folder / RESULT)
        return True
    finally:
        lock.release()


def _measure(task: CellTask, folder: Path) -> dict[str, Any]:
    shutil.rmtree(folder / "training", ignore_errors=True)  # of a killed attempt
    _seed_everything(task.cell.seed)
    started = time.monotonic()
    with _environment(nnUNet_results=str(folder / "training"), nnUNet_n_proc_DA="0"):
        if task.device == "cpu":
            torch.set_num_threads(task.threads)
        trainer = _trainer(task)
        trainer.run_training()
        trained = time.monotonic()
        scores = _scores(trainer, task, folder)
    shutil.copyfile(Path(trainer.output_folder) / _CURVES, folder / _CURVES)
    shutil.rmtree(folder / "training")
    return {
        "version": VERSION,
        "cell": describe(task.cell),
        "budget": task.budget.to_dict(),
        "versions": {"nnunetv2": version("nnunetv2"), "torch": torch.__version__, "numpy": np.__version__},
        "device": task.device,
        "threads": task.threads,
        "training_s": round(trained - started, 1),
        "scoring_s": round(time.monotonic() - trained, 1),
        "scores": scores,
    }


def _trainer(task: CellTask) -> Any:
    """Return the cell's trainer at the budget, restricted to the cases of its part."""
    cell, budget, part = task.cell, task.budget, task.part
    plans = read_json(task.preprocessed / f"{cell.candidate.plans}.json", PLANS)
    trainer: Any = recursive_find_trainer_class_by_name(cell.candidate.trainer)(
        plans=budget.shrink(plans, cell.configuration),
        configuration=f"{cell.configuration}_{budget.configuration}",
        fold=0,
        dataset_json=read_json(task.preprocessed / "dataset.json", MODEL_DATASET),
        device=torch.device(task.device),
    )
    trainer.num_epochs = budget.epochs
    trainer.num_iterations_per_epoch = budget.iterations_per_epoch
    trainer.num_val_iterations_per_epoch = budget.validation_iterations
    trainer.disable_checkpointing = cell.candidate.checkpoint != "best"
    trainer.logger.plot_progress_png = lambda _: None  # drawing takes longer than short epochs
    trainer.do_split = lambda: (list(part.train), list(part.validation))
    return trainer


def _scores(trainer: Any, task: CellTask, folder: Path) -> list[dict[str, Any]]:
    """Predict and score all test cases of the part; draw the worst unseen ones."""
    if task.cell.candidate.checkpoint == "best":
        trainer.load_checkpoint(os.path.join(trainer.output_folder, "checkpoint_best.pth"))
    trainer.set_deep_supervision_enabled(False)
    trainer.network.eval()
    predictor = _predictor(trainer, task.budget.mirroring)
    sets = {"seen": task.part.seen, "unseen": task.part.unseen}
    test_cases = [case for cases in sets.values() for case in cases]
    dataset = trainer.dataset_class(trainer.preprocessed_dataset_folder, test_cases)
    worst = WorstCases(_class_names(trainer))
    scores = [
        {"case": case, "set": name, **_score(trainer, predictor, dataset, case, worst if name == "unseen" else None)}
        for name, cases in sets.items()
        for case in cases
    ]
    worst.save(folder)
    return scores


def _class_names(trainer: Any) -> dict[str, str]:
    """Return the key of each foreground class, as in summary.json, and its name."""
    entries = {name: entry for name, entry in trainer.dataset_json["labels"].items() if name != "background"}
    keys = {name: tuple(entry) if isinstance(entry, list) else entry for name, entry in entries.items()}
    return {label_or_region_to_key(key): name for name, key in keys.items() if name != "ignore"}


def _predictor(trainer: Any, mirroring: bool) -> nnUNetPredictor:
    on_gpu = trainer.device.type == "cuda"
    predictor = nnUNetPredictor(0.5, True, mirroring, on_gpu, trainer.device, allow_tqdm=False)
    predictor.manual_initialization(
        plain_network(trainer.network),
        trainer.plans_manager,
        trainer.configuration_manager,
        None,
        trainer.dataset_json,
        type(trainer).__name__,
        trainer.inference_allowed_mirroring_axes,
    )
    return predictor


def _domain_distance(trainer: Any, data: Any, properties: Mapping[str, Any]) -> dict[str, float]:
    """Return how far an image is from the nearest domain of the training; empty if that was not measured."""
    statistics = trainer.domain_scoring.statistics
    features = None if statistics is None else colour_features(data, properties)
    if features is None:
        return {}
    return {DISTANCE: min(statistics.distances(features).values()), LIMIT: statistics.limit}


def _score(trainer: Any, predictor: Any, dataset: Any, case: str, worst: WorstCases | None) -> dict[str, Any]:
    data, _, _, properties = dataset.load_case(case)
    image = torch.from_numpy(np.asarray(data[:], dtype=np.float32))
    with recording_bottleneck(predictor.network) as bottleneck:
        logits = predictor.predict_sliding_window_return_logits(image)
    segmentation, probabilities = convert_predicted_logits_to_segmentation_with_correct_shape(
        logits.cpu(),
        trainer.plans_manager,
        trainer.configuration_manager,
        trainer.label_manager,
        properties,
        return_probabilities=True,
        num_threads_torch=torch.get_num_threads(),
    )
    labels = trainer.label_manager
    classes = labels.foreground_regions if labels.has_regions else labels.foreground_labels
    file = os.path.join(
        reference_folder(trainer.preprocessed_dataset_folder_base),
        case + label_ending(trainer.dataset_json["file_ending"]),
    )
    reference = trainer.plans_manager.image_reader_writer_class().read_seg(file)[0][0]
    scores = score_case(segmentation, probabilities, reference, classes, labels.ignore_label).to_dict()
    if worst is not None:
        worst.offer(case, scores["dice"], image.numpy(), reference, segmentation)
    return {**scores, "features": bottleneck.to_list(), **_domain_distance(trainer, data, properties)}


def _seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)  # the global stream, from which batchgenerators draws
    torch.manual_seed(seed)


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before: Mapping[str, str | None] = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def _output_to(file: Path) -> Iterator[None]:
    with file.open("w") as stream, redirect_stdout(stream), redirect_stderr(stream):
        yield
