"""nnUNetPredictor: from images in files or arrays to segmentations.

A method hands the attributes of the predictor, and those names of this module that clients of nnU-Net replace, to a
part: load_model, predict_cases, predict_tiles. Methods call each other through `self`, so overrides win. The parts
receive values, never the predictor.
"""

from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from tqdm import tqdm

from nnunetv2.configuration import default_num_processes, skip_empty_setting
from nnunetv2.domains.domain_statistics import DomainStatistics
from nnunetv2.foundation.command_line import command
from nnunetv2.foundation.late_names import late_names
from nnunetv2.foundation.progress import redraw_interval_s
from nnunetv2.inference import case_lists, network_input, predict_tiles, prediction_checks, run_record
from nnunetv2.inference.array_lists import matching_lists
from nnunetv2.inference.case_lists import PathLike, Source, Target, output_folder_of
from nnunetv2.inference.data_iterators import (
    PreprocessAdapterFromNpy,
    preprocessing_iterator_fromfiles,
    preprocessing_iterator_fromnpy,
)
from nnunetv2.inference.domain_membership import options_for
from nnunetv2.inference.export_prediction import (
    convert_predicted_logits_to_segmentation_with_correct_shape,
    export_prediction_from_logits,
)
from nnunetv2.inference.finished_cases import unfinished

# Programs of other people read, star-import and replace these names in this module, and OptimizedModule below, whose
# module takes seconds to import. Methods therefore look classes and functions of nnU-Net up here whenever they run.
from nnunetv2.inference.imported_names import *  # noqa: F403
from nnunetv2.inference.load_model import TrainerFinders, load_network
from nnunetv2.inference.measured_items import measured
from nnunetv2.inference.model_folder import Folds, available_folds, read_model_folder
from nnunetv2.inference.predict_arguments import modelfolder_parser, predict_parser
from nnunetv2.inference.predict_cases import CaseExport, RunningCase, predict_cases
from nnunetv2.inference.predict_folder import predict_folder
from nnunetv2.inference.prepared_cases import Item
from nnunetv2.inference.sliding_window_prediction import (
    Slicer,
    compute_gaussian,
    compute_steps_for_sliding_window,
    tile_slicers,
    tile_weights,
)
from nnunetv2.inference.stripewise_predictor import StripewisePredictor, note_original_parts
from nnunetv2.inference.tile_accumulation import mean_of_folds
from nnunetv2.networks.compiled_networks import compile_if_asked, load_weights
from nnunetv2.preprocessing.stored_plane import StoredPlane
from nnunetv2.utilities.file_path_utilities import get_output_folder
from nnunetv2.utilities.find_class_by_name import recursive_find_python_class
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
from nnunetv2.utilities.helpers import dummy_context, empty_cache
from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels
from nnunetv2.utilities.plans_handling.model_description import ModelDescription
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from s1.file_endings import label_ending

__getattr__, __dir__ = late_names(__name__, {"torch._dynamo": ("OptimizedModule",)})


class nnUNetPredictor(StripewisePredictor):
    """Predicts segmentations with a trained model.

    Attributes may be changed at any time; they are read when a prediction needs them. `perform_everything_on_gpu` is
    the name of `perform_everything_on_device` in nnU-Net 2.1 and 2.2.

    Parameters:
        tile_step_size: distance between tiles as a fraction of the tile, in (0, 1].
        use_gaussian: weight voxels near the centre of a tile more.
        use_mirroring: average over versions mirrored along the axes that were mirrored in training.
        perform_everything_on_device: keep image and logits on the GPU; cuda only.
        allow_tqdm: show a progress bar over the tiles of each image.
    """

    domain_statistics: Sequence[DomainStatistics] = ()
    """How the domains of the training look; without any, predictions say nothing about domains."""
    _running_case = RunningCase()

    def __init__(
        self,
        tile_step_size: float = 0.5,
        use_gaussian: bool = True,
        use_mirroring: bool = True,
        perform_everything_on_device: bool = True,
        device: torch.device = torch.device("cuda"),  # noqa: B008 - nnU-Net's default
        verbose: bool = False,
        verbose_preprocessing: bool = False,
        allow_tqdm: bool = True,
        perform_everything_on_gpu: bool | None = None,
    ):
        if perform_everything_on_gpu is not None:
            perform_everything_on_device = perform_everything_on_gpu
        if device.type == "cuda":
            torch.backends.cudnn.benchmark = True
        self.verbose = verbose
        self.verbose_preprocessing = verbose_preprocessing
        self.allow_tqdm = allow_tqdm
        self.tile_step_size = tile_step_size
        self.use_gaussian = use_gaussian
        self.use_mirroring = use_mirroring
        self.device = device
        self.perform_everything_on_device = perform_everything_on_device and device.type == "cuda"
        self.plans_manager: Any = None
        self.configuration_manager: Any = None
        self.list_of_parameters: Any = None
        self.network: Any = None
        self.dataset_json: Any = None
        self.trainer_name: Any = None
        self.allowed_mirroring_axes: Any = None
        self.label_manager: Any = None

    def initialize_from_trained_model_folder(
        self,
        model_training_output_dir: PathLike,
        use_folds: Folds,
        checkpoint_name: str = "checkpoint_final.pth",
        trainer_class: Any = None,
    ) -> None:
        """Read plans, dataset.json and checkpoints and build the network.

        Parameters:
            use_folds: folds as numbers or text, "all" for the model of all cases; None: all numbered folds that exist.
            trainer_class: class or name of a trainer to use instead of the one named in the checkpoint.
        """
        if use_folds is None:
            use_folds = self.auto_detect_available_folds(model_training_output_dir, checkpoint_name) or None
        model = read_model_folder(model_training_output_dir, use_folds, checkpoint_name, PlansManager)
        finders = TrainerFinders(recursive_find_trainer_class_by_name, recursive_find_python_class)
        self.manual_initialization(
            load_network(model, trainer_class, finders, determine_num_input_channels),
            model.description.plans,
            model.description.configuration,
            list(model.parameters.values()),
            model.description.dataset_json,
            model.trainer_name,
            model.mirroring_axes,
        )
        self.domain_statistics = model.domain_statistics

    @staticmethod
    def auto_detect_available_folds(model_training_output_dir: PathLike, checkpoint_name: str) -> list[int]:
        """Return the numbered folds that have the checkpoint."""
        return available_folds(model_training_output_dir, checkpoint_name)

    def manual_initialization(
        self,
        network: Any,
        plans_manager: Any,
        configuration_manager: Any,
        parameters: Sequence[Any] | None,
        dataset_json: dict[str, Any],
        trainer_name: str,
        inference_allowed_mirroring_axes: tuple[int, ...] | None,
    ) -> None:
        """Set the network and its description; `parameters` may be None if only sliding windows are predicted."""
        self.plans_manager = plans_manager
        self.configuration_manager = configuration_manager
        self.list_of_parameters = parameters
        self.network = compile_if_asked(network)
        self.dataset_json = dataset_json
        self.trainer_name = trainer_name
        self.allowed_mirroring_axes = inference_allowed_mirroring_axes
        self.label_manager = plans_manager.get_label_manager(dataset_json)

    def _model_description(self) -> ModelDescription:
        return ModelDescription(self.plans_manager, self.configuration_manager, self.label_manager, self.dataset_json)

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
        inputs, outputs, previous = self._start_run(run_record.call_arguments(locals()), part_id, num_parts)
        if not inputs:
            return None
        cases = (inputs, previous, outputs)
        if self.works_in_stripes(outputs is not None):
            items = self._prepare_files(cases, num_processes_preprocessing, self.verbose_preprocessing, in_parts=True)
        else:
            items = self._internal_get_data_iterator_from_lists_of_filenames(*cases, num_processes_preprocessing)
        return self.predict_from_data_iterator(
            measured(items, self.domain_statistics, output_folder_of(output_folder_or_list_of_truncated_output_files)),
            save_probabilities,
            min(num_processes_segmentation_export, len(inputs)),
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
        call = run_record.call_arguments(locals(), *(("num_parts", "part_id") if num_parts == 1 else ()))
        inputs, outputs, previous = self._start_run(call, part_id, num_parts)
        if not inputs:
            return None
        # As in nnU-Net: `verbose_preprocessing` is for preprocessing in worker processes.
        in_parts = self.works_in_stripes(outputs is not None)
        items = self._prepare_files((inputs, previous, outputs), 0, self.verbose, in_parts)
        folder = output_folder_of(output_folder_or_list_of_truncated_output_files)
        results = self._predict_items(measured(items, self.domain_statistics, folder), save_probabilities, 0)
        return results if outputs is None else []

    def _start_run(
        self, call: dict[str, Any], part_id: int, num_parts: int
    ) -> tuple[list[list[str]], list[str] | None, list[str | None]]:
        """Return the cases to predict; create the output folders and write the call's arguments there.

        Raises CallError if predictions of the previous stage are missing, or given but not needed, InvalidOutputError
        if results would replace images, annotations or a model; nothing is written then.
        """
        source, target, previous = (call[name] for name in (run_record.SOURCE, run_record.TARGET, run_record.PREVIOUS))
        prediction_checks.check_previous_stage(self.configuration_manager.previous_stage_name, previous)
        prediction_checks.check_output_folders(target)
        cases = self._manage_input_and_output_lists(
            source, target, previous, call["overwrite"], part_id, num_parts, call["save_probabilities"]
        )
        prediction_checks.check_files(*cases, label_ending(self.dataset_json["file_ending"]))
        run_record.start_folders(target, call, self._model_description())
        return cases

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
        case_lists.check_part(part_id, num_parts)
        ending = self.dataset_json["file_ending"]
        inputs = case_lists.list_inputs(list_of_lists_or_source_folder, ending)[part_id::num_parts]
        target = case_lists.part_of(output_folder_or_list_of_truncated_output_files, part_id, num_parts)
        outputs = case_lists.list_outputs(target, inputs, ending)
        if outputs is not None and not overwrite:
            reader = self.plans_manager.image_reader_writer_class()
            inputs, outputs = unfinished(inputs, outputs, label_ending(ending), save_probabilities, reader)
        return inputs, outputs, case_lists.list_previous_stages(folder_with_segs_from_prev_stage, inputs, ending)

    def _internal_get_data_iterator_from_lists_of_filenames(
        self,
        input_list_of_lists: list[list[str]],
        seg_from_prev_stage_files: list[str | None] | None,
        output_filenames_truncated: list[str] | None,
        num_processes: int,
    ) -> Iterator[Item]:
        cases = (input_list_of_lists, seg_from_prev_stage_files, output_filenames_truncated)
        return self._prepare_files(cases, num_processes, self.verbose_preprocessing)

    def _prepare_files(self, cases: Any, num_processes: int, verbose: bool, in_parts: bool = False) -> Iterator[Item]:
        """Return an iterator over cases, given as their files, files of the previous stage, and output names."""
        inputs, previous, outputs = cases
        is_measured = bool(self.domain_statistics) and outputs is not None
        return preprocessing_iterator_fromfiles(
            inputs,
            previous,
            outputs,
            self.plans_manager,
            self.dataset_json,
            self.configuration_manager,
            num_processes,
            self.device.type == "cuda",  # pin_memory
            verbose,
            **options_for(preprocessing_iterator_fromfiles, wanted=is_measured),
            **({"in_parts": True} if in_parts else {}),
        )

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
        lists = matching_lists(
            image_or_list_of_images,
            segs_from_prev_stage_or_list_of_segs_from_prev_stage,
            properties_or_list_of_properties,
            truncated_ofname,
        )
        return preprocessing_iterator_fromnpy(
            *lists,
            self.plans_manager,
            self.dataset_json,
            self.configuration_manager,
            num_processes,
            self.device.type == "cuda",  # pin_memory
            self.verbose_preprocessing,
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
        loader = PreprocessAdapterFromNpy(
            [input_image],
            [segmentation_previous_stage],
            [image_properties],
            [cast("str | None", output_file_truncated)],
            self.plans_manager,
            self.dataset_json,
            self.configuration_manager,
            num_threads_in_multithreaded=1,
            verbose=self.verbose,
        )
        item = next(loader)
        logits = self.predict_logits_from_preprocessed_data(item["data"])
        return self._case_export(save_or_return_probabilities)(logits, item)

    def predict_from_data_iterator(
        self,
        data_iterator: Iterable[Item],
        save_probabilities: bool = False,
        num_processes_segmentation_export: int = default_num_processes,
    ) -> list[Any]:
        """Predict the items of an iterator and export them in worker processes (0: in this process).

        Items are dicts with `data` (float32 (C, x, y, z), or the path of an .npy file, which is removed),
        `data_properties` and `ofile` (output name without ending, or None). Returns the same as `predict_from_files`.
        """
        return self._predict_items(data_iterator, save_probabilities, num_processes_segmentation_export)

    def _predict_items(self, items: Iterable[Item], save_probabilities: bool, num_workers: int) -> list[Any]:
        try:
            return predict_cases(items, self._predict_case, self._case_export(save_probabilities), num_workers)
        finally:
            compute_gaussian.cache_clear()
            empty_cache(self.device)

    def _case_export(self, save_probabilities: bool) -> CaseExport:
        return CaseExport(
            self._model_description(),
            convert_predicted_logits_to_segmentation_with_correct_shape,
            export_prediction_from_logits,
            save_probabilities,
        )

    def _predict_case(self, data: Any, case: RunningCase) -> Any:
        """Predict a case, which the loop over its tiles finds here: nnU-Net's methods cannot pass it."""
        self._running_case = case
        try:
            is_plane = isinstance(data, StoredPlane)
            return (self._predict_labels_of_plane if is_plane else self.predict_logits_from_preprocessed_data)(data)
        finally:
            self._running_case = RunningCase()

    @torch.inference_mode()
    def predict_logits_from_preprocessed_data(self, data: torch.Tensor) -> torch.Tensor:
        """Return the mean logits of all folds, half (K, *image) on the CPU; `data` is float (C, *image)."""
        return cast("torch.Tensor", mean_of_folds(self._fold_logits(data)))

    def _fold_logits(self, data: torch.Tensor) -> Iterator[torch.Tensor]:
        for weights in self.list_of_parameters:
            load_weights(self.network, weights)
            yield self.predict_sliding_window_return_logits(data).to("cpu")

    @torch.inference_mode()
    def predict_sliding_window_return_logits(self, input_image: torch.Tensor) -> torch.Tensor:
        """Return the logits of the network with its current weights, half (K, *image), where results are collected.

        Raises InvalidLogitsError if the network predicts NaN or infinite values.
        """
        network_input.require_image(input_image)
        self._prepare_network()
        with torch.autocast("cuda") if self.device.type == "cuda" else dummy_context():
            image, crop = network_input.pad_to_tile(input_image, self.configuration_manager.patch_size)
            slicers = self._internal_get_sliding_window_slicers(image.shape[1:])
            predict = partial(self._internal_predict_sliding_window_return_logits, image, slicers)
            with network_input.explaining_failures(image, self._model_description()):
                logits = predict_tiles.where_memory_allows(predict, *self._results_on_device())
        empty_cache(self.device)
        return logits[crop]

    def _internal_get_sliding_window_slicers(self, image_size: Sequence[int]) -> list[Slicer]:
        tile_size = self.configuration_manager.patch_size
        return tile_slicers(image_size, tile_size, self.tile_step_size, compute_steps_for_sliding_window)

    def _internal_predict_sliding_window_return_logits(
        self, data: torch.Tensor, slicers: list[Slicer], do_on_device: bool = True
    ) -> torch.Tensor:
        """Return the logits of a padded image; float32 only if half precision cannot hold them."""
        return predict_tiles.predict_tiles(data, slicers, self._tile_work(do_on_device))

    def _tile_work(self, do_on_device: bool) -> predict_tiles.TileWork:
        results_device = self.device if do_on_device else torch.device("cpu")
        return predict_tiles.TileWork(
            predict_tile=self._internal_maybe_mirror_and_predict,
            num_channels=self.label_manager.num_segmentation_heads,
            weights=self._tile_weights(results_device),
            network_device=self.device,
            results_device=results_device,
            make_bar=self._make_bar,
            before_tile=self._running_case.poll,
            skips_empty=skip_empty_setting(),
            batch_size=self._tiles_at_once(),
        )

    def _tile_weights(self, device: torch.device) -> torch.Tensor | None:
        return tile_weights(self.configuration_manager.patch_size, self.use_gaussian, device, compute_gaussian)

    def _make_bar(self, total: int) -> Any:
        seconds = redraw_interval_s()
        return tqdm(disable=not self.allow_tqdm, desc=self._running_case.name, total=total, mininterval=seconds)

    def _internal_maybe_mirror_and_predict(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of a batch (B, C, *tile), averaged over the mirrored versions if mirroring is on."""
        axes = self._mirroring_axes()
        return predict_tiles.mean_of_mirrored(self.network, x, axes, getattr(self.label_manager, "has_regions", False))


note_original_parts(nnUNetPredictor, globals())


def predict_as_asked(arguments: Namespace) -> None:
    """Predict as the arguments of either command ask, with what stands in this module for the predictor."""
    model = arguments.m if "m" in arguments else get_output_folder(arguments.d, arguments.tr, arguments.p, arguments.c)
    predict_folder(arguments, model, nnUNetPredictor)


@command
def predict_entry_point() -> None:
    """Run `nnUNetv2_predict`, whose console script is in predict_command."""
    predict_as_asked(predict_parser().parse_args())


@command
def predict_entry_point_modelfolder() -> None:
    """Run `nnUNetv2_predict_from_modelfolder`, whose console script is in predict_command."""
    predict_as_asked(modelfolder_parser().parse_args())
