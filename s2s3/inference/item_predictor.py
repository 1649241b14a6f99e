"""Predicts preprocessed images one after another, and exports the results meanwhile.

Names that clients of nnU-Net replace in the module `predict_from_raw_data` are looked up there (`public`).
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nnunetv2.configuration import default_num_processes
from nnunetv2.errors import CaseFailedError, CasesFailedError
from nnunetv2.inference import predict_from_raw_data as public
from nnunetv2.inference.domain_membership import MembershipRecord
from nnunetv2.inference.export_queue import ExportQueue, raise_failures
from nnunetv2.inference.logit_predictor import LogitPredictor
from nnunetv2.inference.prepared_cases import Item, PreparedCases
from nnunetv2.inference.tile_accumulation import InvalidLogitsError
from nnunetv2.utilities.safe_arrays import open_npy


class ItemPredictor(LogitPredictor):
    """Predicts the items of an iterator; for the parameters see LogitPredictor."""

    _membership: MembershipRecord | None = None

    def predict_from_data_iterator(
        self,
        data_iterator: Iterable[Item],
        save_probabilities: bool = False,
        num_processes_segmentation_export: int = default_num_processes,
    ) -> list[Any]:
        """Predict the items of an iterator and export them in worker processes (0: in this process).

        Items are dicts with `data` (float32 (C, x, y, z), or the path of an .npy file, which is removed),
        `data_properties` and `ofile` (output name without ending, or None). Returns the same as
        `nnUNetPredictor.predict_from_files`.
        """
        return self._predict_items(data_iterator, save_probabilities, num_processes_segmentation_export)

    def _predict_items(self, items: Iterable[Item], save_probabilities: bool, num_workers: int) -> list[Any]:
        failures: list[BaseException] = []
        with ExportQueue(num_workers) as exports:
            self._watched = (exports.poll, *([items.poll] if isinstance(items, PreparedCases) else []))
            try:
                for number, item in enumerate(_collecting_failures(items, failures)):
                    self._case = os.path.basename(item["ofile"]) if item["ofile"] else f"number {number}"
                    data = _load(item["data"])
                    if self._membership is not None:
                        self._membership.add(self._case, data, item["data_properties"])
                    try:
                        logits = self.predict_logits_from_preprocessed_data(data)
                    except InvalidLogitsError as error:
                        failures.append(CaseFailedError(self._case, str(error)))
                        continue
                    self._export(exports, logits, item, save_probabilities)
            finally:
                self._finish_run(items)
            results, failed_exports = exports.collect()
        raise_failures([*failures, *failed_exports])
        return results

    def _export(self, exports: ExportQueue, logits: torch.Tensor, item: Item, save_probabilities: bool) -> None:
        case, properties, ofile = str(self._case), item["data_properties"], item["ofile"]
        if ofile is None:
            function = public.convert_predicted_logits_to_segmentation_with_correct_shape
            managers = (self.plans_manager, self.configuration_manager, self.label_manager)
            exports.submit(case, function, logits, *managers, properties, save_probabilities)
        else:
            description = (self.configuration_manager, self.plans_manager, self.dataset_json)
            function = public.export_prediction_from_logits
            exports.submit(case, function, logits, properties, *description, ofile, save_probabilities)

    def _finish_run(self, items: Iterable[Item]) -> None:
        if self._membership is not None:
            self._membership.write()
        self._watched, self._case, self._membership = (), None, None
        if isinstance(items, PreparedCases):
            items.close()
        elif isinstance(items, public.MultiThreadedAugmenter):
            items._finish()
        public.compute_gaussian.cache_clear()
        public.empty_cache(self.device)


def _load(data: Any) -> torch.Tensor:
    """Return the data of an item as a tensor; if it is the path of an .npy file, read and remove the file."""
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
