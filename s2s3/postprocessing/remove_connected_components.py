"""Keep only the largest component where that helps.

The commands `nnUNetv2_determine_postprocessing` and `nnUNetv2_apply_postprocessing`.
"""

import os
import pickle
import shutil
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnunetv2.configuration import default_num_processes
from nnunetv2.errors import MissingFileError
from nnunetv2.evaluation.prediction_files import warn_of_missing_predictions
from nnunetv2.file_kinds.dataset_files import MODEL_DATASET
from nnunetv2.file_kinds.plans_files import PLANS
from nnunetv2.foundation.files import copy_file, json_content, replacing, write_json
from nnunetv2.foundation.late_names import late_names
from nnunetv2.foundation.output_guard import check_apart, check_output_folder, check_results
from nnunetv2.foundation.workers import run_cases, workers_worth_starting
from nnunetv2.postprocessing.component_trials import Trials, means, search
from nnunetv2.postprocessing.postprocessing_file import checked_postprocessing
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from nnunetv2.utilities.utils import files_in_folder
from s1.file_endings import label_ending
from s1.listed_files import list_files
from s1.output_places import same_place
from s1.partial_files import partial_folder

if TYPE_CHECKING:
    from nnunetv2.imageio.base_reader_writer import BaseReaderWriter

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.postprocessing.postprocessing_command": (
            "entry_point_apply_postprocessing",
            "entry_point_determine_postprocessing_folder",
        ),
        "nnunetv2.evaluation.accumulate_cv_results": ("accumulate_cv_results",),
        "nnunetv2.evaluation.evaluate_predictions": (
            "compute_metrics_on_folder",
            "label_or_region_to_key",
            "load_summary_json",
            "region_or_label_to_mask",
        ),
        "nnunetv2.imageio.base_reader_writer": ("BaseReaderWriter",),
        "nnunetv2.paths": ("nnUNet_raw",),
        "nnunetv2.utilities.file_path_utilities": ("folds_tuple_to_string",),
        "nnunetv2.utilities.json_export": ("recursive_fix_for_json_export",),
    },
)

PathLike = str | os.PathLike[str]
LabelOrRegion = int | tuple[int, ...]
Functions = Sequence[Callable[..., np.ndarray]]
Arguments = Sequence[Mapping[str, Any]]


def remove_all_but_largest_component_from_segmentation(
    segmentation: np.ndarray,
    labels_or_regions: LabelOrRegion | Sequence[LabelOrRegion],
    background_label: int = 0,
) -> np.ndarray:
    """Return a copy that keeps only the largest connected component of the union of the labels.

    Pixels that touch at a corner are connected; ties are all kept. The rest becomes `background_label`.
    """
    entries = labels_or_regions if isinstance(labels_or_regions, list) else [labels_or_regions]
    wanted = [label for entry in entries for label in np.atleast_1d(entry)]
    removed = np.isin(segmentation, wanted)
    removed &= ~_largest_components(removed)
    result = segmentation.copy()
    result[removed] = background_label
    return result


def _largest_components(mask: np.ndarray) -> np.ndarray:
    from scipy.ndimage import label

    components, count = label(mask, structure=np.ones((3,) * mask.ndim))
    if count <= 1:
        return mask.copy()
    sizes = np.bincount(components.ravel(), minlength=count + 1)[1:]
    keep = np.concatenate([[False], sizes == sizes.max()])
    return keep[components]


def apply_postprocessing(segmentation: np.ndarray, pp_fns: Functions, pp_fn_kwargs: Arguments) -> np.ndarray:
    """Return the segmentation after all functions, applied in order."""
    for function, arguments in zip(pp_fns, pp_fn_kwargs, strict=True):
        segmentation = function(segmentation, **arguments)
    return segmentation


def load_postprocess_save(
    segmentation_file: PathLike,
    output_fname: PathLike,
    image_reader_writer: "BaseReaderWriter",
    pp_fns: Functions,
    pp_fn_kwargs: Arguments,
) -> None:
    """Postprocess one file and write the result to another."""
    segmentation, properties = image_reader_writer.read_seg(os.fspath(segmentation_file))
    segmentation = apply_postprocessing(segmentation[0], pp_fns, pp_fn_kwargs)
    image_reader_writer.write_seg(_as_integers(segmentation), os.fspath(output_fname), properties)


def _as_integers(segmentation: np.ndarray) -> np.ndarray:
    return segmentation.astype(np.uint8 if segmentation.max(initial=0) < 256 else np.uint16)


def apply_postprocessing_to_folder(
    input_folder: PathLike,
    output_folder: PathLike,
    pp_fns: Functions,
    pp_fn_kwargs: Arguments,
    plans_file_or_dict: dict[str, Any] | PathLike | None = None,
    dataset_json_file_or_dict: dict[str, Any] | PathLike | None = None,
    num_processes: int = default_num_processes,
) -> None:
    """Postprocess all segmentations of a folder; plans.json and dataset.json come from there unless given.

    Raises InvalidOutputError if the output folder is that of a dataset or a model, or holds other files of these names.
    """
    check_output_folder(output_folder)
    source, target = Path(input_folder), Path(output_folder)
    plans = json_content(plans_file_or_dict, source / "plans.json", PLANS)
    dataset_json = json_content(dataset_json_file_or_dict, source / "dataset.json", MODEL_DATASET)
    ending = label_ending(dataset_json["file_ending"])
    reader_writer = PlansManager(plans).image_reader_writer_class()
    files = [source / name for name in files_in_folder(source, ending)]
    if not files:
        raise MissingFileError(f"{source}: no segmentations found, expected files that end in {ending}")
    described = [name for name in ("plans.json", "dataset.json") if (source / name).is_file()]
    if described:  # results of an earlier run have them too
        check_results(target, [file.name for file in files])
    target.mkdir(parents=True, exist_ok=True)
    for name in [] if same_place(source, target) else described:
        copy_file(source / name, target / name)
    cases = [
        (path.name.removesuffix(ending), (path, target / path.name, reader_writer, list(pp_fns), list(pp_fn_kwargs)))
        for path in files
    ]
    workers = workers_worth_starting(num_processes, len(cases))
    run_cases(load_postprocess_save, cases, workers, "Postprocessing")


def determine_postprocessing(
    folder_predictions: PathLike,
    folder_ref: PathLike,
    plans_file_or_dict: dict[str, Any] | PathLike | None,
    dataset_json_file_or_dict: dict[str, Any] | PathLike | None,
    num_processes: int = default_num_processes,
    keep_postprocessed_files: bool = True,
) -> tuple[list[Callable[..., np.ndarray]], list[dict[str, Any]]]:
    """Find out where keeping only the largest component raises the Dice score.

    First all foreground is tried as one object (accepted if the foreground Dice rises and that of no class falls),
    then each class (accepted if its own rises). Writes postprocessing.pkl, postprocessing.json and, if they are kept,
    the postprocessed segmentations to the folder of predictions. Returns the accepted functions and their arguments.
    """
    predictions = Path(folder_predictions)
    plans = json_content(plans_file_or_dict, predictions / "plans.json", PLANS)
    dataset_json = json_content(dataset_json_file_or_dict, predictions / "dataset.json", MODEL_DATASET)
    label_manager = PlansManager(plans).get_label_manager(dataset_json)
    trials = Trials(folder_ref, plans, dataset_json, num_processes, label_manager, _keep_largest_components)
    warn_of_missing_predictions(folder_ref, predictions, label_ending(dataset_json["file_ending"]))
    before = trials.scores(predictions)
    kept = predictions / "postprocessed"
    shutil.rmtree(kept, ignore_errors=True)
    with partial_folder(predictions) as temporary:
        arguments, source, after = search(trials, predictions, before, temporary)
        if keep_postprocessed_files:
            _copy_files(source, kept)
    functions = [remove_all_but_largest_component_from_segmentation] * len(arguments)
    with replacing(predictions / "postprocessing.pkl") as file:
        file.write_bytes(pickle.dumps((functions, arguments)))
    content = {
        "input_folder": means(before),
        "postprocessed": means(after),
        "postprocessing_fns": [function.__name__ for function in functions],
        "postprocessing_kwargs": arguments,
    }
    write_json(content, predictions / "postprocessing.json")
    return functions, arguments


def _keep_largest_components(source: PathLike, target: PathLike, arguments: dict[str, Any], *description: Any) -> None:
    functions = [remove_all_but_largest_component_from_segmentation]
    apply_postprocessing_to_folder(source, target, functions, [arguments], *description)


def _copy_files(source: Path, target: Path) -> None:
    target.mkdir()
    for name in list_files(source).names:
        shutil.copy(source / name, target / name)


def determine_as_asked(arguments: Namespace) -> None:
    """Choose postprocessing as the arguments of `nnUNetv2_determine_postprocessing` ask."""
    check_apart(arguments.i, {"the references": arguments.ref})
    keep = not arguments.remove_postprocessed
    files = (arguments.plans_json, arguments.dataset_json)
    determine_postprocessing(arguments.i, arguments.ref, *files, arguments.np, keep)


def apply_as_asked(arguments: Namespace) -> None:
    """Apply postprocessing as the arguments of `nnUNetv2_apply_postprocessing` ask."""
    check_output_folder(arguments.o, {"the predictions": arguments.i})
    functions, keywords = load_postprocessing(arguments.pp_pkl_file)
    files = (arguments.plans_json, arguments.dataset_json)
    apply_postprocessing_to_folder(arguments.i, arguments.o, functions, keywords, *files, arguments.np)


def load_postprocessing(file: PathLike) -> tuple[Functions, Arguments]:
    """Return functions and arguments of a postprocessing.pkl; CheckpointError if the file holds anything else."""
    from nnunetv2.foundation.safe_loading.safe_pickle import load_pickle

    if not Path(file).is_file():
        raise MissingFileError(
            f"{file} not found; nnUNetv2_find_best_configuration, or nnUNetv2_determine_postprocessing for a folder of "
            "predictions, writes such a file"
        )
    function = remove_all_but_largest_component_from_segmentation
    content = load_pickle(file, {(__name__, function.__name__): function})
    return checked_postprocessing(content, file, function)
