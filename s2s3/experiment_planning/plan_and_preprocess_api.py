"""Fingerprint, plan and preprocess from Python: what the four commands call.

Clients import and replace names in this module, also those from elsewhere; they have to be called through it.
"""

import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from nnunetv2.configuration import STOCK_CONFIGURATIONS, default_num_processes
from nnunetv2.errors import MissingFileError, SettingsError
from nnunetv2.experiment_planning.companion_files import copy_newer_labels, take_over_domain_files
from nnunetv2.experiment_planning.dataset_checks import refuse_lost_cases
from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.experiment_planning.experiment_planners.plans_file import OTHER_FILES
from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity
from nnunetv2.file_kinds.raw_dataset import read_dataset_json
from nnunetv2.foundation.files import copy_file, make_folder
from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw
from nnunetv2.preprocessing.preprocessor_lookup import require_preprocessor_class
from nnunetv2.utilities.dataset_name_id_conversion import (  # noqa: F401
    convert_id_to_dataset_name,
    maybe_convert_to_dataset_name,
)
from nnunetv2.utilities.find_class_by_name import recursive_find_python_class, require_class
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets
from s1.file_endings import label_ending

_log = logging.getLogger(__name__)


def extract_fingerprint_dataset(
    dataset_id: int | str,
    fingerprint_extractor_class: type[DatasetFingerprintExtractor] = DatasetFingerprintExtractor,
    num_processes: int = default_num_processes,
    check_dataset_integrity: bool = False,
    clean: bool = True,
    verbose: bool = True,
    show_progress_bar: bool = True,
    stock_sampling: bool = False,
) -> dict[str, Any]:
    """Return the fingerprint of a dataset and store it.

    Parameters:
        dataset_id: id or name.
        check_dataset_integrity: check the dataset first.
        clean: compute a fingerprint even if there is one.
        stock_sampling: draw the random sample of nnU-Net 2.8.1 instead of using all foreground voxels.
    """
    name = maybe_convert_to_dataset_name(dataset_id)
    _log.info("%s: fingerprint", name)
    if check_dataset_integrity:
        verify_dataset_integrity(os.path.join(nnUNet_raw, name), num_processes)
    extractor = fingerprint_extractor_class(name, num_processes, verbose=verbose)
    extractor.show_progress_bar = show_progress_bar
    if stock_sampling:
        extractor.stock_sampling = True
    return extractor.run(overwrite_existing=clean)


def extract_fingerprints(
    dataset_ids: Iterable[int | str],
    fingerprint_extractor_class_name: str = "DatasetFingerprintExtractor",
    num_processes: int = default_num_processes,
    check_dataset_integrity: bool = False,
    clean: bool = True,
    verbose: bool = True,
    show_progress_bar: bool = True,
    stock_sampling: bool = False,
) -> None:
    """Store the fingerprints of several datasets; the extractor is found by its name in this package."""
    name = fingerprint_extractor_class_name
    extractor_class = _find_class(name, "fingerprint extractor", DatasetFingerprintExtractor)
    for dataset_id in dataset_ids:
        extract_fingerprint_dataset(
            dataset_id,
            extractor_class,
            num_processes=num_processes,
            check_dataset_integrity=check_dataset_integrity,
            clean=clean,
            verbose=verbose,
            show_progress_bar=show_progress_bar,
            stock_sampling=stock_sampling,
        )


def _find_class(name: str, kind: str, base: type) -> Any:
    """Return the class of this name in this package; SettingsError if there is none that derives from `base`."""
    return require_class("nnunetv2.experiment_planning", name, kind, base, recursive_find_python_class)


def plan_experiment_dataset(
    dataset_id: int | str,
    experiment_planner_class: type[ExperimentPlanner] = ExperimentPlanner,
    gpu_memory_target_in_gb: float | None = None,
    preprocess_class_name: str = "DefaultPreprocessor",
    overwrite_target_spacing: Sequence[float] | None = None,
    overwrite_plans_name: str | None = None,
) -> tuple[dict[str, Any], str]:
    """Plan one dataset, store the plans and return them with their name.

    Parameters:
        dataset_id: id or name.
        gpu_memory_target_in_gb, overwrite_plans_name: None for the planner's default.
        overwrite_target_spacing: three numbers, axes as in the files; used for all configurations.
    """
    options: dict[str, Any] = {}
    if overwrite_plans_name is not None:
        options["plans_name"] = overwrite_plans_name
    if gpu_memory_target_in_gb is not None:
        options["gpu_memory_target_in_gb"] = gpu_memory_target_in_gb
    spacing = None if overwrite_target_spacing is None else [float(edge) for edge in overwrite_target_spacing]
    planner = experiment_planner_class(
        maybe_convert_to_dataset_name(dataset_id),
        preprocessor_name=preprocess_class_name,
        overwrite_target_spacing=spacing,
        suppress_transpose=False,
        **options,
    )
    return planner.plan_experiment(), planner.plans_identifier


def plan_experiments(
    dataset_ids: Iterable[int | str],
    experiment_planner_class_name: str = "ExperimentPlanner",
    gpu_memory_target_in_gb: float | None = None,
    preprocess_class_name: str = "DefaultPreprocessor",
    overwrite_target_spacing: Sequence[float] | None = None,
    overwrite_plans_name: str | None = None,
) -> str | None:
    """Plan several datasets; the planner is found by its name in this package. Returns the name of the last plans."""
    if experiment_planner_class_name == "ExperimentPlanner":
        _log.info(
            "The default planner is ExperimentPlanner; for new datasets the residual encoder presets are recommended: "
            "-pl nnUNetPlannerResEncM (8 GB), nnUNetPlannerResEncL (24 GB) or nnUNetPlannerResEncXL (40 GB)."
        )
    planner_class = _find_class(experiment_planner_class_name, "experiment planner", ExperimentPlanner)
    plans_name = None
    for dataset_id in dataset_ids:
        _, plans_name = plan_experiment_dataset(
            dataset_id,
            planner_class,
            gpu_memory_target_in_gb=gpu_memory_target_in_gb,
            preprocess_class_name=preprocess_class_name,
            overwrite_target_spacing=overwrite_target_spacing,
            overwrite_plans_name=overwrite_plans_name,
        )
    return plans_name


def preprocess_dataset(
    dataset_id: int | str,
    plans_identifier: str = "nnUNetPlans",
    configurations: Sequence[str] = ("2d", "3d_fullres", "3d_lowres"),
    num_processes: int | Sequence[int] = (8, 4, 8),
    verbose: bool = False,
    show_progress_bar: bool = True,
) -> None:
    """Preprocess a dataset for some configurations of its plans.

    Those of nnU-Net that the plans lack are skipped, if another one is left. A dataset.json that is not there yet, as
    after moving plans from another dataset, is copied from the raw dataset.

    Parameters:
        dataset_id: id or name.
        num_processes: one number for all configurations, or one each; 0 works in this process.
        verbose: passed to the preprocessor.

    Raises SettingsError for other configurations that the plans lack, and if none is left.
    """
    counts = _processes_per_configuration(num_processes, len(configurations))
    name = maybe_convert_to_dataset_name(dataset_id)
    raw_folder, folder = os.path.join(nnUNet_raw, name), nnUNet_preprocessed / name
    plans_file = folder / f"{plans_identifier}.json"
    if not plans_file.is_file():
        raise MissingFileError(f"no plans for {name}: {plans_file} does not exist. {_way_to_plans(name, folder)}")
    dataset_json = read_dataset_json(raw_folder)
    dataset = get_filenames_of_train_images_and_targets(raw_folder, dataset_json)
    refuse_lost_cases(raw_folder, dataset_json, dataset)
    take_over_domain_files(raw_folder, make_folder(folder, "nnUNet_preprocessed"), dataset)
    if not (folder / "dataset.json").is_file():
        copy_file(os.path.join(raw_folder, "dataset.json"), folder / "dataset.json")
    plans_manager = PlansManager(str(plans_file))
    planned = _planned(configurations, plans_manager, name)
    for configuration, count in zip(configurations, counts, strict=True):
        if configuration not in planned:
            continue
        _log.info("%s: preprocessing for %s", name, configuration)
        preprocessor = require_preprocessor_class(plans_manager.get_configuration(configuration))(verbose=verbose)
        preprocessor.show_progress_bar = show_progress_bar
        preprocessor.run(name, configuration, plans_identifier, num_processes=count)
    reader = plans_manager.image_reader_writer_class()
    copy_newer_labels(dataset, folder / "gt_segmentations", label_ending(dataset_json["file_ending"]), reader)


def _way_to_plans(name: str, folder: Path) -> str:
    others = sorted(file.stem for file in folder.glob("*.json") if file.name not in OTHER_FILES)
    choice = f", or choose others with -plans_name: {', '.join(others)}" if others else ""
    return f"Make them with `nnUNetv2_plan_and_preprocess -d {name}`{choice}"


def _planned(configurations: Sequence[str], plans: PlansManager, name: str) -> list[str]:
    """Return the configurations that are in the plans."""
    known = plans.available_configurations
    skipped = [entry for entry in configurations if entry not in known and entry in STOCK_CONFIGURATIONS]
    planned = [entry for entry in configurations if entry not in skipped]
    for entry in planned:
        plans.get_configuration(entry)
    if not planned:
        raise SettingsError(f"{name}: the plans only have {', '.join(known)}, but not {', '.join(skipped)}")
    for entry in skipped:
        _log.info("%s: skipping configuration %s, the plans only have %s", name, entry, ", ".join(known))
    return planned


def _processes_per_configuration(num_processes: int | Sequence[int], num_configurations: int) -> list[int]:
    counts = [num_processes] if isinstance(num_processes, int) else list(num_processes)
    if len(counts) == 1:
        counts *= num_configurations
    if len(counts) != num_configurations:
        raise SettingsError(
            f"{len(counts)} numbers of processes for {num_configurations} configurations; give one, or one each"
        )
    return counts


def preprocess(
    dataset_ids: Iterable[int | str],
    plans_identifier: str = "nnUNetPlans",
    configurations: Sequence[str] = ("2d", "3d_fullres", "3d_lowres"),
    num_processes: int | Sequence[int] = (8, 4, 8),
    verbose: bool = False,
    show_progress_bar: bool = True,
) -> None:
    """Preprocess several datasets, see `preprocess_dataset`."""
    for dataset_id in dataset_ids:
        preprocess_dataset(
            dataset_id,
            plans_identifier,
            configurations,
            num_processes=num_processes,
            verbose=verbose,
            show_progress_bar=show_progress_bar,
        )
