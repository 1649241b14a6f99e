"""Iterators and data loaders over preprocessed cases, under nnU-Net's names; for items see prepared_cases."""

import os
from collections.abc import Sequence
from contextlib import closing
from multiprocessing.synchronize import Event
from queue import Full
from typing import Any

import numpy as np
from batchgenerators.dataloading.data_loader import DataLoader

from nnunetv2.inference.case_preparation import PathLike, prepare_array, prepare_files, prepare_files_in_parts
from nnunetv2.inference.prepared_cases import CaseToPrepare, Item, PreparedCases, make_item
from nnunetv2.preprocessing.preprocessor_lookup import require_preprocessor_class
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.utilities.label_handling.label_handling import convert_labelmap_to_one_hot as convert_labelmap_to_one_hot
from nnunetv2.utilities.plans_handling.model_description import ModelDescription
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager

_SECONDS_BETWEEN_ABORT_CHECKS = 0.1


def preprocessing_iterator_fromfiles(
    list_of_lists: Sequence[Sequence[PathLike]],
    list_of_segs_from_prev_stage_files: Sequence[PathLike | None] | None,
    output_filenames_truncated: Sequence[str | None] | None,
    plans_manager: PlansManager,
    dataset_json: dict[str, Any],
    configuration_manager: ConfigurationManager,
    num_processes: int,
    pin_memory: bool = False,
    verbose: bool = False,
    keep_colours: bool = False,
    in_parts: bool = False,
) -> PreparedCases:
    """Return an iterator over the preprocessed cases, in the given order.

    Failing cases are skipped; after the last case CaseFailedError or CasesFailedError names them.

    Parameters:
        list_of_lists: the files of each case, in channel order.
        num_processes: worker processes, at most one per case; 0 preprocesses in this process.
        pin_memory: ignored, as in nnU-Net.
        keep_colours: describe the colours of RGB images in their properties.
        in_parts: give 2D images that can be normalised part by part as a StoredPlane instead of a tensor.
    """
    model = ModelDescription.of(plans_manager, configuration_manager, dataset_json)
    preprocessor = require_preprocessor_class(configuration_manager)(verbose=verbose)
    if keep_colours:
        preprocessor.keep_colours = True
    cases = [
        CaseToPrepare(os.path.basename(ofile or os.fspath(files[0])), (files, previous, model, preprocessor), ofile)
        for files, previous, ofile in zip(
            list_of_lists,
            _one_per_case(list_of_segs_from_prev_stage_files, list_of_lists),
            _one_per_case(output_filenames_truncated, list_of_lists),
            strict=True,
        )
    ]
    return PreparedCases(prepare_files_in_parts if in_parts else prepare_files, cases, num_processes)


def preprocessing_iterator_fromnpy(
    list_of_images: Sequence[np.ndarray],
    list_of_segs_from_prev_stage: Sequence[np.ndarray | None] | None,
    list_of_image_properties: Sequence[dict[str, Any]],
    truncated_ofnames: Sequence[str | None] | None,
    plans_manager: PlansManager,
    dataset_json: dict[str, Any],
    configuration_manager: ConfigurationManager,
    num_processes: int,
    pin_memory: bool = False,
    verbose: bool = False,
) -> PreparedCases:
    """Like `preprocessing_iterator_fromfiles`, for images in memory. Properties are copied."""
    model = ModelDescription.of(plans_manager, configuration_manager, dataset_json)
    preprocessor = require_preprocessor_class(configuration_manager)(verbose=verbose)
    cases = [
        CaseToPrepare(
            os.path.basename(ofile) if ofile else f"number {number}",
            (image, previous, dict(properties), model, preprocessor),
            ofile,
        )
        for number, (image, previous, properties, ofile) in enumerate(
            zip(
                list_of_images,
                _one_per_case(list_of_segs_from_prev_stage, list_of_images),
                list_of_image_properties,
                _one_per_case(truncated_ofnames, list_of_images),
                strict=True,
            )
        )
    ]
    return PreparedCases(prepare_array, cases, num_processes)


def _one_per_case(values: Sequence[Any] | None, cases: Sequence[Any]) -> Sequence[Any]:
    return [None] * len(cases) if values is None else values


def preprocess_fromfiles_save_to_queue(
    list_of_lists: Sequence[Sequence[PathLike]],
    list_of_segs_from_prev_stage_files: Sequence[PathLike | None] | None,
    output_filenames_truncated: Sequence[str | None] | None,
    plans_manager: PlansManager,
    dataset_json: dict[str, Any],
    configuration_manager: ConfigurationManager,
    target_queue: Any,
    done_event: Event,
    abort_event: Event,
    verbose: bool = False,
) -> None:
    """Put preprocessed cases into a queue; set `done_event` after the last one, `abort_event` before raising."""
    cases = preprocessing_iterator_fromfiles(
        list_of_lists,
        list_of_segs_from_prev_stage_files,
        output_filenames_truncated,
        plans_manager,
        dataset_json,
        configuration_manager,
        num_processes=0,
        verbose=verbose,
    )
    _fill_queue(cases, target_queue, done_event, abort_event)


def preprocess_fromnpy_save_to_queue(
    list_of_images: Sequence[np.ndarray],
    list_of_segs_from_prev_stage: Sequence[np.ndarray | None] | None,
    list_of_image_properties: Sequence[dict[str, Any]],
    truncated_ofnames: Sequence[str | None] | None,
    plans_manager: PlansManager,
    dataset_json: dict[str, Any],
    configuration_manager: ConfigurationManager,
    target_queue: Any,
    done_event: Event,
    abort_event: Event,
    verbose: bool = False,
) -> None:
    """Like `preprocess_fromfiles_save_to_queue`, for images in memory."""
    cases = preprocessing_iterator_fromnpy(
        list_of_images,
        list_of_segs_from_prev_stage,
        list_of_image_properties,
        truncated_ofnames,
        plans_manager,
        dataset_json,
        configuration_manager,
        num_processes=0,
        verbose=verbose,
    )
    _fill_queue(cases, target_queue, done_event, abort_event)


def _fill_queue(items: PreparedCases, target_queue: Any, done_event: Event, abort_event: Event) -> None:
    with closing(items):
        try:
            for item in items:
                if not _put(item, target_queue, abort_event):
                    return
        except Exception:
            abort_event.set()
            raise
    done_event.set()


def _put(item: Item, target_queue: Any, abort_event: Event) -> bool:
    """Put an item into a queue as soon as there is room; False if `abort_event` is set first."""
    while not abort_event.is_set():
        try:
            target_queue.put(item, timeout=_SECONDS_BETWEEN_ABORT_CHECKS)
            return True
        except Full:
            continue
    return False


class _CaseLoader(DataLoader):
    """Hands out cases in order, one at a time."""

    def __init__(
        self,
        cases: Sequence[tuple[Any, ...]],
        preprocessor: Any,
        plans_manager: PlansManager,
        dataset_json: dict[str, Any],
        configuration_manager: ConfigurationManager,
        num_threads_in_multithreaded: int,
    ):
        self.preprocessor = preprocessor
        self.plans_manager = plans_manager
        self.configuration_manager = configuration_manager
        self.dataset_json = dataset_json
        super().__init__(cases, 1, num_threads_in_multithreaded, shuffle=False, return_incomplete=True)
        self.indices = list(range(len(cases)))

    def _next_case(self) -> tuple[Any, ...]:
        case: tuple[Any, ...] = self._data[self.get_indices()[0]]
        return case

    def _model(self) -> ModelDescription:
        return ModelDescription.of(self.plans_manager, self.configuration_manager, self.dataset_json)


class PreprocessAdapter(_CaseLoader):
    """A batchgenerators data loader over cases in files; `next()` returns one item.

    `preprocessor` is an object with a `run_case` like that of DefaultPreprocessor.
    """

    def __init__(
        self,
        list_of_lists: Sequence[Sequence[PathLike]],
        list_of_segs_from_prev_stage_files: Sequence[PathLike | None] | None,
        preprocessor: DefaultPreprocessor,
        output_filenames_truncated: Sequence[str | None] | None,
        plans_manager: PlansManager,
        dataset_json: dict[str, Any],
        configuration_manager: ConfigurationManager,
        num_threads_in_multithreaded: int = 1,
    ):
        previous = _one_per_case(list_of_segs_from_prev_stage_files, list_of_lists)
        names = _one_per_case(output_filenames_truncated, list_of_lists)
        cases = list(zip(list_of_lists, previous, names, strict=True))
        super().__init__(
            cases, preprocessor, plans_manager, dataset_json, configuration_manager, num_threads_in_multithreaded
        )

    def generate_train_batch(self) -> Item:
        """Return the next item."""
        files, previous, ofile = self._next_case()
        return make_item(*prepare_files(files, previous, self._model(), self.preprocessor), ofile)


class PreprocessAdapterFromNpy(_CaseLoader):
    """A batchgenerators data loader over images in memory; `next()` returns one item and adds to its properties."""

    def __init__(
        self,
        list_of_images: Sequence[np.ndarray],
        list_of_segs_from_prev_stage: Sequence[np.ndarray | None] | None,
        list_of_image_properties: Sequence[dict[str, Any]],
        truncated_ofnames: Sequence[str | None] | None,
        plans_manager: PlansManager,
        dataset_json: dict[str, Any],
        configuration_manager: ConfigurationManager,
        num_threads_in_multithreaded: int = 1,
        verbose: bool = False,
    ):
        previous = _one_per_case(list_of_segs_from_prev_stage, list_of_images)
        names = _one_per_case(truncated_ofnames, list_of_images)
        cases = list(zip(list_of_images, previous, list_of_image_properties, names, strict=True))
        preprocessor = require_preprocessor_class(configuration_manager)(verbose=verbose)
        super().__init__(
            cases, preprocessor, plans_manager, dataset_json, configuration_manager, num_threads_in_multithreaded
        )

    def generate_train_batch(self) -> Item:
        """Return the next item."""
        image, previous, properties, ofile = self._next_case()
        return make_item(*prepare_array(image, previous, properties, self._model(), self.preprocessor), ofile)
