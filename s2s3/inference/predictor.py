"""nnUNetPredictor: from files or arrays to segmentations.

Names that clients of nnU-Net replace in the module `predict_from_raw_data` are looked up there (`public`).
"""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from nnunetv2.configuration import default_num_processes
from nnunetv2.errors import CallError
from nnunetv2.inference import predict_from_raw_data as public
from nnunetv2.inference.array_lists import matching_lists
from nnunetv2.inference.case_checks import check_files, check_output_folders
from nnunetv2.inference.case_lists import (
    PathLike,
    Source,
    Target,
    check_part,
    list_inputs,
    list_outputs,
    list_previous_stages,
    make_output_folders,
    output_folder_of,
)
from nnunetv2.inference.domain_membership import MembershipRecord, options_for
from nnunetv2.inference.finished_cases import is_finished
from nnunetv2.inference.item_predictor import ItemPredictor
from nnunetv2.inference.prepared_cases import Item
from nnunetv2.inference.run_record import write_run_record
from s1.file_endings import label_ending

_SOURCE = "list_of_lists_or_source_folder"
_TARGET = "output_folder_or_list_of_truncated_output_files"
_PREVIOUS_STAGE = "folder_with_segs_from_prev_stage"


class nnUNetPredictor(ItemPredictor):
    """Predicts segmentations with a trained model; for the parameters see LogitPredictor."""

    def _manage_input_and_output_lists(
        self,
        list_of_lists_or_source_folder: Source,
        output_folder_or_list_of_truncated_output_files: Target,
        folder_with_segs_from_prev_stage: PathLike | None = None,
        overwrite: bool = True,
        part_id: int = 0,
        num_parts: int = 1,
        save_probabilities: bool = False,
    ) -> tuple[list[list[str]], list[str] | None, list[str | None]]:
        """Return files, output names (None: results are returned) and previous-stage files of the cases to predict.

        Without `overwrite` cases whose results exist and are whole are skipped. With several parts, each has every
        `num_parts`-th case.
        """
        check_part(part_id, num_parts)
        ending = self.dataset_json["file_ending"]
        inputs = list_inputs(list_of_lists_or_source_folder, ending)[part_id::num_parts]
        target = output_folder_or_list_of_truncated_output_files
        if target is not None and not isinstance(target, str | os.PathLike):
            target = list(target)[part_id::num_parts]
        outputs = list_outputs(target, inputs, ending)
        if outputs is not None and not overwrite:
            reader = self.plans_manager.image_reader_writer_class()
            todo = [not is_finished(name, label_ending(ending), save_probabilities, reader) for name in outputs]
            inputs = [files for files, wanted in zip(inputs, todo, strict=True) if wanted]
            outputs = [name for name, wanted in zip(outputs, todo, strict=True) if wanted]
        return inputs, outputs, list_previous_stages(folder_with_segs_from_prev_stage, inputs, ending)

    def predict_from_files(
        self,
        list_of_lists_or_source_folder: Source,
        output_folder_or_list_of_truncated_output_files: Target,
        save_probabilities: bool = False,
        overwrite: bool = True,
        num_processes_preprocessing: int = default_num_processes,
        num_processes_segmentation_export: int = default_num_processes,
        folder_with_segs_from_prev_stage: PathLike | None = None,
        num_parts: int = 1,
        part_id: int = 0,
    ) -> list[Any] | None:
        """Predict images in files; preprocess and export in worker processes (0: in this process).

        Returns one entry per case, in order: None if it was written, otherwise the segmentation (x, y, z) or, with
        `save_probabilities`, segmentation and probabilities (K, x, y, z). Returns None if there is nothing to do.
        Failing cases do not stop the others; afterwards CaseFailedError or CasesFailedError names them.
        """
        record = {
            _SOURCE: list_of_lists_or_source_folder,
            _TARGET: output_folder_or_list_of_truncated_output_files,
            "save_probabilities": save_probabilities,
            "overwrite": overwrite,
            "num_processes_preprocessing": num_processes_preprocessing,
            "num_processes_segmentation_export": num_processes_segmentation_export,
            _PREVIOUS_STAGE: folder_with_segs_from_prev_stage,
            "num_parts": num_parts,
            "part_id": part_id,
        }
        inputs, outputs, previous = self._start_run(record, num_parts, part_id)
        if not inputs:
            return None
        items = self._internal_get_data_iterator_from_lists_of_filenames(
            inputs, previous, outputs, num_processes_preprocessing
        )
        return self.predict_from_data_iterator(
            items, save_probabilities, min(num_processes_segmentation_export, len(inputs))
        )

    def predict_from_files_sequential(
        self,
        list_of_lists_or_source_folder: Source,
        output_folder_or_list_of_truncated_output_files: Target,
        save_probabilities: bool = False,
        overwrite: bool = True,
        folder_with_segs_from_prev_stage: PathLike | None = None,
        num_parts: int = 1,
        part_id: int = 0,
    ) -> list[Any] | None:
        """Predict images in files without starting processes.

        Returns the same as `predict_from_files`, except an empty list if results were written.
        """
        record = {
            _SOURCE: list_of_lists_or_source_folder,
            _TARGET: output_folder_or_list_of_truncated_output_files,
            "save_probabilities": save_probabilities,
            "overwrite": overwrite,
            _PREVIOUS_STAGE: folder_with_segs_from_prev_stage,
            **({"num_parts": num_parts, "part_id": part_id} if num_parts > 1 else {}),
        }
        inputs, outputs, previous = self._start_run(record, num_parts, part_id)
        if not inputs:
            return None
        items = public.preprocessing_iterator_fromfiles(
            inputs,
            previous,
            outputs,
            *self._model_description(),
            num_processes=0,
            **self._colour_options(),
            verbose=self.verbose,  # as in nnU-Net: `verbose_preprocessing` is for preprocessing in worker processes
        )
        results = self._predict_items(items, save_probabilities, num_workers=0)
        return results if outputs is None else []

    def _start_run(
        self, record: dict[str, Any], num_parts: int, part_id: int
    ) -> tuple[list[list[str]], list[str] | None, list[str | None]]:
        """Return the cases to predict; create the output folders and write the call's arguments there.

        Raises CallError if predictions of the previous stage are missing, or given but not needed, InvalidOutputError
        if results would replace images, annotations or a model; nothing is written then.
        """
        target, previous_stage_folder = record[_TARGET], record[_PREVIOUS_STAGE]
        _check_previous_stage(self.configuration_manager.previous_stage_name, previous_stage_folder)
        check_output_folders(target)
        cases = self._manage_input_and_output_lists(
            record[_SOURCE],
            target,
            previous_stage_folder,
            record["overwrite"],
            part_id,
            num_parts,
            record["save_probabilities"],
        )
        check_files(*cases, label_ending(self.dataset_json["file_ending"]))
        make_output_folders(target)
        folder = output_folder_of(target)
        if folder is not None:
            write_run_record(folder, record, self.dataset_json, self.plans_manager.plans)
            if self.domain_statistics and cases[0]:
                self._membership = MembershipRecord(self.domain_statistics, folder)
        return cases

    def _model_description(self) -> tuple[Any, dict[str, Any], Any]:
        return self.plans_manager, self.dataset_json, self.configuration_manager

    def _internal_get_data_iterator_from_lists_of_filenames(
        self,
        input_list_of_lists: list[list[str]],
        seg_from_prev_stage_files: list[str | None] | None,
        output_filenames_truncated: list[str] | None,
        num_processes: int,
    ) -> Iterator[Item]:
        return public.preprocessing_iterator_fromfiles(
            input_list_of_lists,
            seg_from_prev_stage_files,
            output_filenames_truncated,
            *self._model_description(),
            num_processes=num_processes,
            verbose=self.verbose_preprocessing,
            **self._colour_options(),
        )

    def _colour_options(self) -> dict[str, bool]:
        return options_for(public.preprocessing_iterator_fromfiles, wanted=self._membership is not None)

    def get_data_iterator_from_raw_npy_data(
        self,
        image_or_list_of_images: np.ndarray | list[np.ndarray],
        segs_from_prev_stage_or_list_of_segs_from_prev_stage: np.ndarray | list[np.ndarray | None] | None,
        properties_or_list_of_properties: dict[str, Any] | list[dict[str, Any]],
        truncated_ofname: str | list[str] | None,
        num_processes: int = 3,
    ) -> Iterator[Item]:
        """Return an iterator over preprocessed images; each argument is for one image, or a list for several.

        Raises CallError if the lists do not belong together.
        """
        images, previous, properties, names = matching_lists(
            image_or_list_of_images,
            segs_from_prev_stage_or_list_of_segs_from_prev_stage,
            properties_or_list_of_properties,
            truncated_ofname,
        )
        return public.preprocessing_iterator_fromnpy(
            images,
            previous,
            properties,
            names,
            *self._model_description(),
            num_processes=num_processes,
            verbose=self.verbose_preprocessing,
        )

    def predict_from_list_of_npy_arrays(
        self,
        image_or_list_of_images: np.ndarray | list[np.ndarray],
        segs_from_prev_stage_or_list_of_segs_from_prev_stage: np.ndarray | list[np.ndarray | None] | None,
        properties_or_list_of_properties: dict[str, Any] | list[dict[str, Any]],
        truncated_ofname: str | list[str] | None,
        num_processes: int = 3,
        save_probabilities: bool = False,
        num_processes_segmentation_export: int = default_num_processes,
    ) -> list[Any]:
        """Predict images in memory, (C, x, y, z) each; returns the same as `predict_from_files`."""
        items = self.get_data_iterator_from_raw_npy_data(
            image_or_list_of_images,
            segs_from_prev_stage_or_list_of_segs_from_prev_stage,
            properties_or_list_of_properties,
            truncated_ofname,
            num_processes,
        )
        return self.predict_from_data_iterator(items, save_probabilities, num_processes_segmentation_export)

    def predict_single_npy_array(
        self,
        input_image: np.ndarray,
        image_properties: dict[str, Any],
        segmentation_previous_stage: np.ndarray | None = None,
        output_file_truncated: PathLike | None = None,
        save_or_return_probabilities: bool = False,
    ) -> Any:
        """Predict one image (C, x, y, z) without starting processes; adds to `image_properties`.

        Returns the segmentation (x, y, z), or segmentation and probabilities; None if it was written to a file.
        """
        loader = public.PreprocessAdapterFromNpy(
            [input_image],
            [segmentation_previous_stage],
            [image_properties],
            [output_file_truncated],
            *self._model_description(),
            num_threads_in_multithreaded=1,
            verbose=self.verbose,
        )
        item = next(loader)
        logits = self.predict_logits_from_preprocessed_data(item["data"])
        properties = item["data_properties"]
        if output_file_truncated is None:
            return public.convert_predicted_logits_to_segmentation_with_correct_shape(
                logits,
                self.plans_manager,
                self.configuration_manager,
                self.label_manager,
                properties,
                return_probabilities=save_or_return_probabilities,
            )
        return public.export_prediction_from_logits(
            logits,
            properties,
            self.configuration_manager,
            self.plans_manager,
            self.dataset_json,
            output_file_truncated,
            save_or_return_probabilities,
        )


def _check_previous_stage(stage: str | None, folder: PathLike | None) -> None:
    if stage is not None and folder is None:
        raise CallError(
            f"this is the second stage of a cascade: predict the images with configuration {stage} first and pass "
            "the folder of its predictions (folder_with_segs_from_prev_stage, -prev_stage_predictions)"
        )
    if stage is None and folder is not None:
        raise CallError("predictions of a previous stage were given, but this configuration has no previous stage")
