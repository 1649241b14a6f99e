"""The commands `nnUNetv2_predict` and `nnUNetv2_predict_from_modelfolder`, and the import path of nnUNetPredictor.

Clients import and replace the names in `_PROVIDERS` here, so all prediction code looks them up in this module. They are
imported on first use, because most need torch and `--help` does not.
"""

import importlib
import multiprocessing
import sys
from argparse import Namespace
from os.path import isfile, join
from time import sleep
from typing import TYPE_CHECKING, Any

from nnunetv2.errors import MissingFileError, SettingsError
from nnunetv2.inference.predict_arguments import default_workers, modelfolder_parser, predict_parser
from nnunetv2.utilities.command_line import command

if TYPE_CHECKING:
    import torch

    from nnunetv2.inference.predictor import nnUNetPredictor

__all__ = ["isfile", "join", "multiprocessing", "nnUNetPredictor", "predict_entry_point", "sleep"]
__all__ += ["predict_entry_point_modelfolder"]

_FILES = "batchgenerators.utilities.file_and_folder_operations"
_PROVIDERS = {
    "nnUNetPredictor": "nnunetv2.inference.predictor",
    "MultiThreadedAugmenter": "batchgenerators.dataloading.multi_threaded_augmenter",
    "PreprocessAdapterFromNpy": "nnunetv2.inference.data_iterators",
    "check_workers_alive_and_busy": "nnunetv2.utilities.file_path_utilities",
    "compute_gaussian": "nnunetv2.inference.sliding_window_prediction",
    "convert_predicted_logits_to_segmentation_with_correct_shape": "nnunetv2.inference.export_prediction",
    "empty_cache": "nnunetv2.utilities.helpers",
    "export_prediction_from_logits": "nnunetv2.inference.export_prediction",
    "load_json": _FILES,
    "maybe_mkdir_p": _FILES,
    "recursive_find_python_class": "nnunetv2.utilities.find_class_by_name",
    "recursive_find_trainer_class_by_name": "nnunetv2.utilities.find_objects",
    "recursive_fix_for_json_export": "nnunetv2.utilities.json_export",
    "save_json": _FILES,
    "tqdm": "tqdm",
}

for _name in _PROVIDERS:  # a reload imports everything again
    globals().pop(_name, None)


def __getattr__(name: str) -> Any:
    if name not in _PROVIDERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_PROVIDERS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PROVIDERS})


@command
def predict_entry_point() -> None:
    """Run `nnUNetv2_predict`."""
    arguments = predict_parser().parse_args()
    from nnunetv2.utilities.file_path_utilities import get_output_folder

    _predict(arguments, get_output_folder(arguments.d, arguments.tr, arguments.p, arguments.c))


@command
def predict_entry_point_modelfolder() -> None:
    """Run `nnUNetv2_predict_from_modelfolder`."""
    arguments = modelfolder_parser().parse_args()
    arguments.num_parts, arguments.part_id = 1, 0
    _predict(arguments, arguments.m)


def _predict(arguments: Namespace, model_folder: str) -> None:
    from nnunetv2.inference.case_lists import check_part, list_inputs, make_output_folders
    from nnunetv2.utilities.output_guard import check_output_folder

    check_part(arguments.part_id, arguments.num_parts)
    inputs = {"the images": arguments.i, "the previous stage's predictions": arguments.prev_stage_predictions}
    check_output_folder(arguments.o, {**inputs, "the model": model_folder})
    predictor = sys.modules[__name__].nnUNetPredictor(
        tile_step_size=arguments.step_size,
        use_gaussian=True,
        use_mirroring=not arguments.disable_tta,
        perform_everything_on_device=not arguments.not_on_device,
        device=_choose_device(arguments.device),
        verbose=arguments.verbose,
        verbose_preprocessing=arguments.verbose,
        allow_tqdm=not arguments.disable_progress_bar,
    )
    predictor.initialize_from_trained_model_folder(model_folder, arguments.f, checkpoint_name=arguments.chk)
    ending = predictor.dataset_json["file_ending"]
    cases = list_inputs(arguments.i, ending)
    if not cases:
        raise MissingFileError(
            f"{arguments.i}: found no images <case>_0000{ending}; the model was trained on {ending} files"
        )
    make_output_folders(arguments.o)
    settings = {
        "save_probabilities": arguments.save_probabilities,
        "overwrite": not arguments.continue_prediction,
        "folder_with_segs_from_prev_stage": arguments.prev_stage_predictions,
        "num_parts": arguments.num_parts,
        "part_id": arguments.part_id,
    }
    on_cpu = predictor.device.type == "cpu"
    preprocessing, export = (
        default_workers(variable, on_cpu, len(cases)) if given is None else given
        for variable, given in (("nnUNet_npp", arguments.npp), ("nnUNet_nps", arguments.nps))
    )
    if preprocessing == 0 and export == 0:
        predictor.predict_from_files_sequential(arguments.i, arguments.o, **settings)
        return
    predictor.predict_from_files(
        arguments.i,
        arguments.o,
        num_processes_preprocessing=preprocessing,
        num_processes_segmentation_export=export,
        **settings,
    )


def _choose_device(name: str | None) -> "torch.device":
    """Return the device (default: cuda if available, otherwise cpu) and set torch's thread count for it."""
    import torch

    from nnunetv2.utilities.torch_threads import set_threads_for

    if name in (None, "cuda") and not torch.cuda.is_available():
        if name == "cuda":
            raise SettingsError("-device cuda: torch finds no CUDA device on this computer. Use -device cpu.")
        sys.stderr.write("No CUDA device found, predicting on the CPU (-device cpu).\n")
        name = "cpu"
    device = torch.device(name or "cuda")
    set_threads_for(device.type)
    return device
