"""Average the probabilities of several models: `nnUNetv2_ensemble`."""

import os
import pickle
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnunetv2.configuration import default_num_processes
from nnunetv2.ensembling.probability_files import read_probabilities, require_classes, require_geometry
from nnunetv2.errors import DatasetError, DatasetLayoutError, InvalidValueError, MissingFileError
from nnunetv2.evaluation.validation_files import validation_files
from nnunetv2.file_kinds.dataset_files import MODEL_DATASET
from nnunetv2.file_kinds.plans_files import PLANS
from nnunetv2.foundation.files import copy_file, json_content, read_json, write_json
from nnunetv2.foundation.late_names import late_names
from nnunetv2.foundation.output_guard import check_output_folder, check_results
from nnunetv2.foundation.workers import run_cases, workers_worth_starting
from nnunetv2.utilities.utils import files_in_folder
from s1.case_names import ByName, composed
from s1.file_endings import label_ending

if TYPE_CHECKING:
    from nnunetv2.imageio.base_reader_writer import BaseReaderWriter
    from nnunetv2.utilities.label_handling.label_handling import LabelManager

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.ensembling.ensemble_command": ("entry_point_ensemble_folders",),
        "nnunetv2.imageio.base_reader_writer": ("BaseReaderWriter",),
        "nnunetv2.utilities.label_handling.label_handling": ("LabelManager",),
        "nnunetv2.utilities.plans_handling.plans_handler": ("PlansManager",),
    },
)

PathLike = str | os.PathLike[str]


def average_probabilities(list_of_files: Sequence[PathLike]) -> np.ndarray:
    """Return the mean of the arrays `probabilities` of npz files, float32 (K, x, y, z)."""
    if not len(list_of_files):
        raise InvalidValueError("no files to average, expected one or more")
    total: np.ndarray | None = None
    for file in list_of_files:
        probabilities = read_probabilities(file)
        if total is None:
            total = probabilities.astype(np.float32, copy=False)
            continue
        if probabilities.shape != total.shape:
            raise InvalidValueError(f"{file} has shape {probabilities.shape}, but {list_of_files[0]} has {total.shape}")
        total += probabilities
    assert total is not None
    total /= len(list_of_files)
    return total


def merge_files(
    list_of_files: Sequence[PathLike],
    output_filename_truncated: PathLike,
    output_file_ending: str,
    image_reader_writer: "BaseReaderWriter",
    label_manager: "LabelManager",
    save_probabilities: bool = False,
) -> None:
    """Write the segmentation of the mean of npz files, with the geometry from the .pkl next to the first one."""
    from nnunetv2.file_kinds.case_properties import load_properties, needed_entries
    from nnunetv2.inference.label_conversion import probabilities_to_labels
    from nnunetv2.inference.output_files import arriving_together, write_npz

    first = list_of_files[0]
    properties_file = Path(first).with_suffix(".pkl")
    properties = load_properties(properties_file)
    probabilities = average_probabilities(list_of_files)
    require_classes(probabilities, first, label_manager.num_segmentation_heads)
    require_geometry(probabilities, first, properties, properties_file)
    target = Path(output_filename_truncated)
    name = f"{target.name}{output_file_ending}"
    with arriving_together(target.parent, last=name) as folder:
        if save_probabilities:
            write_npz({"probabilities": probabilities}, folder / f"{target.name}.npz")
            with open(folder / f"{target.name}.pkl", "wb") as stream:
                pickle.dump(properties, stream)
        segmentation = probabilities_to_labels(probabilities, label_manager)
        with needed_entries(properties_file, type(image_reader_writer).__name__):
            image_reader_writer.write_seg(segmentation, str(folder / name), properties)


def ensemble_folders(
    list_of_input_folders: Sequence[PathLike],
    output_folder: PathLike,
    save_merged_probabilities: bool = False,
    num_processes: int = default_num_processes,
    dataset_json_file_or_dict: dict[str, Any] | PathLike | None = None,
    plans_json_file_or_dict: dict[str, Any] | PathLike | None = None,
) -> None:
    """Average the predictions of several models, each in a folder; all must contain the same cases (.npz, .pkl).

    dataset.json and plans.json come from the first folder unless given; both are written to the output folder, which
    must be neither an input folder nor that of a dataset or a model, nor hold other files of these names
    (InvalidOutputError).
    """
    check_output_folder(output_folder, {f"the predictions {folder}": folder for folder in list_of_input_folders})
    first = Path(list_of_input_folders[0])
    dataset_json = json_content(dataset_json_file_or_dict, first / "dataset.json", MODEL_DATASET)
    plans = json_content(plans_json_file_or_dict, first / "plans.json", PLANS)
    ending = label_ending(dataset_json["file_ending"])
    cases = _common_cases(list_of_input_folders, ending)
    check_results(output_folder, [case + ending for case in cases])
    os.makedirs(output_folder, exist_ok=True)
    write_json(dataset_json, Path(output_folder) / "dataset.json")
    write_json(plans, Path(output_folder) / "plans.json")
    _merge_cases(cases, Path(output_folder), dataset_json, plans, save_merged_probabilities, num_processes)


def _common_cases(folders: Sequence[PathLike], file_ending: str) -> dict[str, list[PathLike]]:
    """Return case -> its file in each folder, where its name may have another Unicode form.

    Raises DatasetLayoutError if a folder lacks the probabilities of a case, also of one that has a segmentation only.
    """
    found = {str(folder): _files(Path(folder), ".npz") for folder in folders}
    somewhere = {composed(case) for files in found.values() for case in files}
    if somewhere:
        somewhere |= {composed(case) for folder in folders for case in _files(Path(folder), file_ending)}
    problems = [
        f"{folder}: no {case}.npz" for folder, files in found.items() for case in sorted(somewhere) if case not in files
    ]
    if problems:
        raise DatasetLayoutError(
            "the folders do not contain the same cases; probabilities come from --save_probabilities:", problems
        )
    if not somewhere:
        raise MissingFileError(f"{folders[0]}: no .npz files; predict with --save_probabilities")
    return {case: [files[case] for files in found.values()] for case in next(iter(found.values()))}


def _files(folder: Path, ending: str) -> ByName[Path]:
    if not folder.is_dir():
        raise MissingFileError(f"folder of predictions not found: {folder}")
    return ByName({name.removesuffix(ending): folder / name for name in files_in_folder(folder, ending)})


def _merge_cases(
    cases: Mapping[str, Sequence[PathLike]],
    output_folder: Path,
    dataset_json: dict[str, Any],
    plans: dict[str, Any],
    save_probabilities: bool,
    num_processes: int,
) -> None:
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    plans_manager = PlansManager(plans)
    writer = plans_manager.image_reader_writer_class()
    description = (label_ending(dataset_json["file_ending"]), writer, plans_manager.get_label_manager(dataset_json))
    tasks = [(name, (files, output_folder / name, *description, save_probabilities)) for name, files in cases.items()]
    run_cases(merge_files, tasks, workers_worth_starting(num_processes, len(tasks)), "Ensembling")


def ensemble_crossvalidations(
    list_of_trained_model_folders: Sequence[PathLike],
    output_folder: PathLike,
    folds: Sequence[int | str] = (0, 1, 2, 3, 4),
    num_processes: int = default_num_processes,
    overwrite: bool = True,
) -> None:
    """Average the validation predictions (`--npz`) of several models, whose splits may differ.

    Without `overwrite`, existing cases are kept. plans.json and dataset.json of the first model are copied. Raises
    DatasetError for folds without npz files and models with different cases, DatasetLayoutError for a case that two
    folds of one model validated.
    """
    models = [ByName(validation_files(Path(folder), folds, ".npz")) for folder in list_of_trained_model_folders]
    cases = {name: [model[name] for model in models if name in model] for name in sorted(models[0])}
    differing = sorted({name for one in models for name in one if any(name not in other for other in models)})
    if differing:
        raise DatasetError("the models did not validate the same cases; these are missing from some:", differing)
    first, output = Path(list_of_trained_model_folders[0]), Path(output_folder)
    output.mkdir(parents=True, exist_ok=True)
    for name in ("plans.json", "dataset.json"):
        copy_file(first / name, output / name)
    dataset_json = read_json(first / "dataset.json", MODEL_DATASET)
    if not overwrite:
        ending = label_ending(dataset_json["file_ending"])
        cases = {name: files for name, files in cases.items() if not (output / f"{name}{ending}").is_file()}
    _merge_cases(cases, output, dataset_json, read_json(first / "plans.json", PLANS), False, num_processes)


def ensemble_as_asked(arguments: Namespace) -> None:
    """Average predictions as the arguments of `nnUNetv2_ensemble` ask."""
    ensemble_folders(arguments.i, arguments.o, arguments.save_npz, arguments.np)
