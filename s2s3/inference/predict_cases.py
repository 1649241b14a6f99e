"""Predicts prepared cases one after another, and exports their results meanwhile."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import torch

from nnunetv2.errors import CaseFailedError, CasesFailedError, ImageProblemError
from nnunetv2.foundation.safe_loading.safe_arrays import open_npy
from nnunetv2.inference.export_prediction import write_picture
from nnunetv2.inference.export_queue import ExportQueue, raise_failures
from nnunetv2.inference.prepared_cases import Item, WatchedItems, end_items
from nnunetv2.inference.probability_rows import StoredProbabilities
from nnunetv2.inference.tile_accumulation import InvalidLogitsError
from nnunetv2.preprocessing.stored_plane import StoredPlane
from nnunetv2.utilities.plans_handling.model_description import ModelDescription


@dataclass(frozen=True)
class RunningCase:
    """The case that is being predicted."""

    name: str | None = None
    """For messages; None if it has no name."""
    poll: Callable[[], None] = lambda: None
    """Goes on with what is done in the background, without blocking; raises WorkerDiedError if a worker was killed."""
    probabilities: StoredProbabilities | None = None
    """The file for those of a picture that is predicted in stripes; None if they are not wanted."""


Predict = Callable[[Any, RunningCase], Any]
"""(data of an item, the case) -> logits, a tensor (K, x, y, z), or of a StoredPlane the label image, (1, H, W)."""


@dataclass(frozen=True)
class CaseExport:
    """What is done with the logits (K, x, y, z) of a case: they become a result or, for a case with a name, files.

    The label image of a case that was predicted in stripes is written.
    """

    model: ModelDescription
    convert: Callable[..., Any]
    """`convert_predicted_logits_to_segmentation_with_correct_shape` or another function with its arguments."""
    write: Callable[..., None]
    """`export_prediction_from_logits` or another function with its arguments."""
    save_probabilities: bool

    def step(
        self, item: Item, probabilities: StoredProbabilities | None = None
    ) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Return a function that takes what was predicted, and its further arguments."""
        model, properties, ofile = self.model, item["data_properties"], item["ofile"]
        if isinstance(item["data"], StoredPlane):
            return write_picture, (probabilities, properties, model.plans, model.dataset_json, ofile)
        if ofile is None:
            described: tuple[Any, ...] = (model.plans, model.configuration, model.labels, properties)
            return self.convert, (*described, self.save_probabilities)
        described = (properties, model.configuration, model.plans, model.dataset_json, ofile)
        return self.write, (*described, self.save_probabilities)

    def file_of_probabilities(self, item: Item, folder: Callable[[], Path]) -> StoredProbabilities | None:
        """Return where the probabilities of a picture go before they are compressed; None if they are not needed."""
        plane = item["data"]
        if not self.save_probabilities or not isinstance(plane, StoredPlane):
            return None
        shape = self.model.labels.num_segmentation_heads, 1, *plane.images[0].shape[2:]
        return StoredProbabilities(folder() / f"{uuid4().hex}.float32", shape)

    def __call__(self, logits: torch.Tensor, item: Item) -> Any:
        """Export at once, in this process; return the result, or None if it was written."""
        function, arguments = self.step(item)
        return function(logits, *arguments)


def predict_cases(items: Iterable[Item], predict: Predict, export: CaseExport, num_workers: int) -> list[Any]:
    """Predict all items and export them in worker processes (0: in this process); return the results in order.

    The data of an item is a tensor, an array, or the path of an .npy file, which is removed. Raises CaseFailedError or
    CasesFailedError after the last case if cases failed; WorkerDiedError at once if a worker was killed.
    """
    failures: list[BaseException] = []
    with ExportQueue(num_workers) as exports:
        try:
            _predict_and_submit(items, predict, export, exports, failures)
        finally:
            end_items(items)
        results, failed_exports = exports.collect()
    raise_failures([*failures, *failed_exports])
    return results


def _predict_and_submit(
    items: Iterable[Item], predict: Predict, export: CaseExport, exports: ExportQueue, failures: list[BaseException]
) -> None:
    def poll() -> None:
        exports.poll()
        if isinstance(items, WatchedItems):
            items.poll()

    numbers = count()
    for item in _collecting_failures(items, failures):  # enumerate would keep an item until it has the next one
        name = _name_of(item, next(numbers))
        probabilities = export.file_of_probabilities(item, exports.temporary_folder)
        try:
            predicted = predict(_load(item["data"]), RunningCase(name, poll, probabilities))
        except (InvalidLogitsError, ImageProblemError) as error:
            failures.append(CaseFailedError(name, str(error)))
            if probabilities is not None:
                probabilities.remove()
            continue
        function, arguments = export.step(item, probabilities)
        del item  # whose image would be in memory while its labels are made
        exports.submit(name, function, predicted, *arguments)
        del predicted  # while the next case is prepared


def _name_of(item: Item, number: int) -> str:
    return os.path.basename(item["ofile"]) if item["ofile"] else f"number {number}"


def _load(data: Any) -> Any:
    """Return the data of an item as a tensor, or plane; if it is the path of an .npy file, read and remove the file."""
    if isinstance(data, str | os.PathLike):
        file, data = Path(data), np.array(open_npy(data))
        file.unlink()
    return torch.from_numpy(data) if isinstance(data, np.ndarray) else data


def _collecting_failures(items: Iterable[Item], failures: list[BaseException]) -> Iterator[Item]:
    """Yield the items; add the failed cases that the iterator raises at its end to `failures`."""
    try:
        yield from items
    except CaseFailedError as error:
        failures.append(error)
    except CasesFailedError as error:
        failures.extend(error.failures)
