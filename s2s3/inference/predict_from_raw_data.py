"""The commands `nnUNetv2_predict` and `nnUNetv2_predict_from_modelfolder`, and the import path of nnUNetPredictor.

Clients import and replace names here (`late_names`), so all prediction code looks them up in this module.
"""

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from nnunetv2.errors import MissingFileError, SettingsError
from nnunetv2.inference.predict_arguments import default_workers, modelfolder_parser, predict_parser
from nnunetv2.utilities.command_line import command
from nnunetv2.utilities.late_names import late_names

if TYPE_CHECKING:
    import torch

    from nnunetv2.inference.predictor import nnUNetPredictor as nnUNetPredictor

__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.inference.predictor": ("nnUNetPredictor",),
        "acvl_utils.cropping_and_padding.padding": ("pad_nd_image",),
        "batchgenerators.dataloading.multi_threaded_augmenter": ("MultiThreadedAugmenter",),
        "batchgenerators.utilities.file_and_folder_operations": ("load_json", "maybe_mkdir_p", "save_json", "subdirs"),
        "copy": ("deepcopy",),
        "nnunetv2.configuration": ("default_num_processes",),
        "nnunetv2.inference.data_iterators": (
            "PreprocessAdapterFromNpy",
            "preprocessing_iterator_fromfiles",
            "preprocessing_iterator_fromnpy",
        ),
        "nnunetv2.inference.export_prediction": (
            "convert_predicted_logits_to_segmentation_with_correct_shape",
            "export_prediction_from_logits",
        ),
        "nnunetv2.inference.sliding_window_prediction": ("compute_gaussian", "compute_steps_for_sliding_window"),
        "nnunetv2.utilities.file_path_utilities": ("check_workers_alive_and_busy", "get_output_folder"),
        "nnunetv2.utilities.find_class_by_name": ("recursive_find_python_class",),
        "nnunetv2.utilities.find_objects": ("recursive_find_trainer_class_by_name",),
        "nnunetv2.utilities.helpers": ("dummy_context", "empty_cache"),
        "nnunetv2.utilities.json_export": ("recursive_fix_for_json_export",),
        "nnunetv2.utilities.label_handling.label_handling": (
            "convert_labelmap_to_one_hot",
            "determine_num_input_channels",
        ),
        "nnunetv2.utilities.plans_handling.plans_handler": ("ConfigurationManager", "PlansManager"),
        "nnunetv2.utilities.utils": ("create_lists_from_splitted_dataset_folder",),
        "os.path": ("isdir", "isfile", "join"),
        "queue": ("Queue",),
        "threading": ("Thread",),
        "time": ("sleep",),
        "torch._dynamo": ("OptimizedModule",),
        "torch.nn.parallel": ("DistributedDataParallel",),
        "tqdm": ("tqdm",),
        "typing": ("List", "Optional", "Tuple", "Union"),
    },
    {
        "inspect": "inspect",
        "itertools": "itertools",
        "multiprocessing": "multiprocessing",
        "nn": "torch.nn",
        "np": "numpy",
        "os": "os",
        "torch": "torch",
        "warnings": "warnings",
    },
)


@command
def predict_entry_point() -> None:
    """Run `nnUNetv2_predict`."""
    arguments = predict_parser().parse_args()
    get_output_folder = sys.modules[__name__].get_output_folder
    _predict(arguments, get_output_folder(arguments.d, arguments.tr, arguments.p, arguments.c))


@command
def predict_entry_point_modelfolder() -> None:
    """Run `nnUNetv2_predict_from_modelfolder`."""
    arguments = modelfolder_parser().parse_args()
    arguments.num_parts, arguments.part_id = 1, 0
    _predict(arguments, arguments.m)


def _predict(arguments: Namespace, model_folder: str) -> None:
    from nnunetv2.inference.case_lists import check_part, list_inputs, make_output_folders, result_names
    from nnunetv2.utilities.output_guard import check_output_folder, check_results

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
    if not arguments.continue_prediction:
        part = cases[arguments.part_id :: arguments.num_parts]
        check_results(arguments.o, result_names(part, ending))
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
