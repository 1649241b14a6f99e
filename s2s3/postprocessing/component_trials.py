"""Applies the filter for the largest component to each class in turn, and keeps it where scores rise."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnunetv2.evaluation.evaluate_predictions import score_predictions
from nnunetv2.evaluation.summary_file import label_or_region_to_key, load_summary_json, save_summary_json
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

if TYPE_CHECKING:
    from nnunetv2.utilities.label_handling.label_handling import LabelManager

PathLike = str | os.PathLike[str]
LabelOrRegion = int | tuple[int, ...]


@dataclass(frozen=True)
class Trials:
    """Applies the filter to folders of predictions and scores them."""

    reference_folder: PathLike
    plans: dict[str, Any]
    dataset_json: dict[str, Any]
    num_processes: int
    label_manager: "LabelManager"
    filter_folder: Callable[..., None]
    """`filter_folder(source, target, arguments of the filter, plans, dataset_json, number of processes)`."""

    @property
    def classes(self) -> list[LabelOrRegion]:
        """Labels or regions to score, in order."""
        entries = self.label_manager.foreground_classes
        return [tuple(map(int, entry)) if isinstance(entry, tuple) else int(entry) for entry in entries]

    def scores(self, folder: Path) -> dict[str, Any]:
        """Score a folder; replace its summary.json unless it already has these scores."""
        plans_manager = PlansManager(self.plans)
        results = score_predictions(
            self.reference_folder, folder, None, plans_manager, self.dataset_json, self.num_processes
        )
        file = folder / "summary.json"
        if not file.is_file() or _as_text(load_summary_json(file)) != _as_text(results):
            save_summary_json(results, file)
        return results

    def apply(self, source: Path, target: Path, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Write the filtered segmentations of `source` to `target` and return their scores."""
        self.filter_folder(source, target, arguments, self.plans, self.dataset_json, self.num_processes)
        return self.scores(target)


def search(
    trials: Trials, source: Path, scores: dict[str, Any], temporary: Path
) -> tuple[list[dict[str, Any]], Path, dict[str, Any]]:
    """Return the accepted arguments, the folder of their result and its scores."""
    accepted: list[dict[str, Any]] = []
    candidates: list[Any] = [[int(label) for label in trials.label_manager.foreground_labels]]
    candidates += trials.classes if len(trials.classes) > 1 else []
    for number, candidate in enumerate(candidates):
        target = temporary / str(number)
        arguments = {"labels_or_regions": candidate}
        tried = trials.apply(source, target, arguments)
        better = (
            _raises_foreground(scores, tried) if number == 0 else _dice(tried, candidate) > _dice(scores, candidate)
        )
        if better:
            accepted.append(arguments)
            source, scores = target, tried
    return accepted, source, scores


def _raises_foreground(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Return whether the foreground Dice is higher and that of no class lower; NaN is neither."""
    higher = after["foreground_mean"]["Dice"] > before["foreground_mean"]["Dice"]
    return bool(higher) and not any(_dice(after, key) < _dice(before, key) for key in before["mean"])


def _dice(scores: dict[str, Any], key: LabelOrRegion) -> float:
    return float(scores["mean"][key]["Dice"])


def means(scores: dict[str, Any]) -> dict[str, Any]:
    """Return the mean scores in the form of a JSON file."""
    mean = {label_or_region_to_key(key): values for key, values in scores["mean"].items()}
    return {"foreground_mean": scores["foreground_mean"], "mean": mean}


def _as_text(scores: dict[str, Any]) -> str:
    return json.dumps(means(scores), sort_keys=True)
