"""Predicts a folder of images as the arguments of a command ask."""

import sys
from argparse import Namespace
from typing import Any

import torch

from nnunetv2.configuration import cpu_precision_setting, skip_empty_setting
from nnunetv2.errors import MissingFileError, SettingsError
from nnunetv2.foundation.freed_memory import keep_freed_memory
from nnunetv2.foundation.output_guard import check_output_folder, check_results
from nnunetv2.foundation.torch_threads import set_threads_for
from nnunetv2.inference.case_lists import ListedFolder, check_part, result_names
from nnunetv2.inference.memory_budget import plan_workers
from nnunetv2.inference.predict_arguments import default_workers


def predict_folder(arguments: Namespace, model_folder: str, predictor_class: Any) -> None:
    """Predict as the arguments of `predict_parser` or `modelfolder_parser` ask.

    Parameters:
        predictor_class: nnUNetPredictor, or what a client has put in its place.
    """
    check_part(arguments.part_id, arguments.num_parts)
    for check_setting in (skip_empty_setting, cpu_precision_setting):
        check_setting()
    inputs = {"the images": arguments.i, "the previous stage's predictions": arguments.prev_stage_predictions}
    check_output_folder(arguments.o, {**inputs, "the model": model_folder})
    predictor = _make_predictor(arguments, predictor_class)
    predictor.initialize_from_trained_model_folder(model_folder, arguments.f, checkpoint_name=arguments.chk)
    images = _list_images(arguments, predictor.dataset_json["file_ending"])
    part = images.cases[arguments.part_id :: arguments.num_parts]
    workers = _numbers_of_workers(arguments, predictor.device.type == "cpu", len(images.cases))
    (preprocessing, export), line = plan_workers(predictor, part, workers, arguments.save_probabilities)
    sys.stdout.write(f"{line}\n")
    settings = {
        "save_probabilities": arguments.save_probabilities,
        "overwrite": not arguments.continue_prediction,
        "folder_with_segs_from_prev_stage": arguments.prev_stage_predictions,
        "num_parts": arguments.num_parts,
        "part_id": arguments.part_id,
    }
    if preprocessing == 0 and export == 0:
        predictor.predict_from_files_sequential(images, arguments.o, **settings)
        return
    numbers = {"num_processes_preprocessing": preprocessing, "num_processes_segmentation_export": export}
    predictor.predict_from_files(images, arguments.o, **numbers, **settings)


def _make_predictor(arguments: Namespace, predictor_class: Any) -> Any:
    return predictor_class(
        tile_step_size=arguments.step_size,
        use_gaussian=True,
        use_mirroring=not arguments.disable_tta,
        perform_everything_on_device=not arguments.not_on_device,
        device=choose_device(arguments.device),
        verbose=arguments.verbose,
        verbose_preprocessing=arguments.verbose,
        allow_tqdm=not arguments.disable_progress_bar,
    )


def choose_device(name: str | None) -> torch.device:
    """Return the device (default: cuda if available, otherwise cpu) and set torch's threads and memory for it."""
    if name in (None, "cuda") and not torch.cuda.is_available():
        if name == "cuda":
            raise SettingsError("-device cuda: torch finds no CUDA device on this computer. Use -device cpu.")
        sys.stderr.write("No CUDA device found, predicting on the CPU (-device cpu).\n")
        name = "cpu"
    device = torch.device(name or "cuda")
    set_threads_for(device.type)
    if device.type == "cpu":
        keep_freed_memory()
    return device


def _list_images(arguments: Namespace, ending: str) -> ListedFolder:
    """Return the folder of images with its cases, whose results may be written."""
    images = ListedFolder.read(arguments.i, ending)
    if not images.cases:
        raise MissingFileError(
            f"{arguments.i}: found no images <case>_0000{ending}; the model was trained on {ending} files"
        )
    if not arguments.continue_prediction:
        part = images.cases[arguments.part_id :: arguments.num_parts]
        check_results(arguments.o, result_names(part, ending))
    return images


def _numbers_of_workers(arguments: Namespace, on_cpu: bool, num_cases: int) -> tuple[int, int]:
    """Return the numbers of processes for preprocessing and for export."""
    given = {"nnUNet_npp": arguments.npp, "nnUNet_nps": arguments.nps}
    preprocessing, export = (
        default_workers(variable, on_cpu, num_cases) if number is None else number for variable, number in given.items()
    )
    return preprocessing, export
