"""Find the model or pair of models that is best in cross-validation.

The commands `nnUNetv2_find_best_configuration` and `nnUNetv2_accumulate_crossval_results`.
"""

import logging
import math
import os
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from os.path import isdir, isfile, join
from pathlib import Path
from typing import Any

from nnunetv2.configuration import STOCK_CONFIGURATIONS, default_num_processes
from nnunetv2.errors import DatasetError, MissingFileError, OutputExistsError, SettingsError
from nnunetv2.evaluation.accumulate_cv_results import accumulate_cv_results
from nnunetv2.evaluation.evaluate_predictions import score_predictions
from nnunetv2.evaluation.evaluation_report import domains_of_folder, report_evaluation
from nnunetv2.evaluation.inference_instructions import generate_inference_command, inference_instructions  # noqa: F401
from nnunetv2.evaluation.summary_file import load_summary_json
from nnunetv2.evaluation.validation_files import refuse_fold_all
from nnunetv2.file_kinds.dataset_files import MODEL_DATASET
from nnunetv2.file_kinds.result_files import POSTPROCESSING
from nnunetv2.foundation.files import read_json, replacing, write_json
from nnunetv2.foundation.late_names import late_names
from nnunetv2.model_sharing.model_advice import train_command
from nnunetv2.paths import nnUNet_preprocessed, nnUNet_results
from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name
from nnunetv2.utilities.file_path_utilities import folds_tuple_to_string, get_ensemble_name, get_output_folder
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.evaluation.find_best_command": (
            "accumulate_crossval_results_entry_point",
            "find_best_configuration_entry_point",
        ),
        "nnunetv2.ensembling.ensemble": ("ensemble_crossvalidations",),
        "nnunetv2.evaluation.evaluate_predictions": ("compute_metrics_on_folder",),
        "nnunetv2.postprocessing.remove_connected_components": ("determine_postprocessing",),
        "nnunetv2.utilities.file_path_utilities": ("convert_identifier_to_trainer_plans_config",),
    },
)

Model = Mapping[str, str]
_log = logging.getLogger(__name__)

default_trained_models = tuple(
    {"plans": "nnUNetPlans", "configuration": configuration, "trainer": "nnUNetTrainer"}
    for configuration in ("2d", "3d_fullres", "3d_lowres", "3d_cascade_fullres")
)


def filter_available_models(model_dict: Sequence[Model], dataset_name_or_id: str | int) -> list[Model]:
    """Return the models whose configuration is in the plans; nnU-Net's own configurations may be missing there.

    Raises SettingsError if another one is missing, if none remains, or if one of them was not trained.
    """
    dataset = maybe_convert_to_dataset_name(dataset_name_or_id)
    available = []
    for model in model_dict:
        plans_file = join(nnUNet_preprocessed, dataset, f"{model['plans']}.json")
        plans_manager = PlansManager(plans_file)
        known = plans_manager.available_configurations
        if model["configuration"] in STOCK_CONFIGURATIONS and model["configuration"] not in known:
            _log.warning("configuration %s is not in %s and is skipped", model["configuration"], plans_file)
            continue
        plans_manager.get_configuration(model["configuration"])
        folder = _model_folder(dataset, model)
        if not isdir(folder):
            raise SettingsError(
                f"{folder} not found: {_name(model)} has not been trained. Train its folds "
                f"({train_command(folder, 0, '--npz')}, ...), or leave it out with -c"
            )
        available.append(model)
    if not available:
        raise SettingsError(f"{plans_file} has none of the configurations; it has {', '.join(known)}")
    return available


def _model_folder(dataset: str, model: Model) -> str:
    return get_output_folder(dataset, model["trainer"], model["plans"], model["configuration"])


def _name(model: Model) -> str:
    return f"{model['trainer']} {model['plans']} {model['configuration']}"


def dumb_trainer_config_plans_to_trained_models_dict(
    trainers: Sequence[str], configs: Sequence[str], plans: Sequence[str]
) -> tuple[dict[str, str], ...]:
    """Return every combination of trainer, configuration and plans."""
    return tuple(
        {"plans": plan, "configuration": configuration, "trainer": trainer}
        for trainer in trainers
        for configuration in configs
        for plan in plans
    )


@dataclass(frozen=True)
class _Candidate:
    """A model, or an ensemble of two, with its predictions of all cases and their score."""

    identifier: str
    folder: str
    models: tuple[Model, ...]
    score: float


def find_best_configuration(
    dataset_name_or_id: str | int,
    allowed_trained_models: Sequence[Model] = default_trained_models,
    allow_ensembling: bool = True,
    num_processes: int = default_num_processes,
    overwrite: bool = True,
    folds: Sequence[int | str] = (0, 1, 2, 3, 4),
    strict: bool = False,
) -> dict[str, Any]:
    """Score all models and, if allowed, all pairs by cross-validation; determine postprocessing for the best.

    Writes inference_information.json (also returned) and inference_instructions.txt to the results folder of the
    dataset. Ties go to the first, single models before pairs; NaN never wins.
    """
    dataset = maybe_convert_to_dataset_name(dataset_name_or_id)
    models = filter_available_models(allowed_trained_models, dataset)
    candidates = [_score_model(dataset, model, folds, num_processes, overwrite) for model in models]
    if allow_ensembling:
        pairs = list(combinations(candidates, 2))
        candidates += [_score_pair(dataset, pair, folds, num_processes, overwrite) for pair in pairs]
    known = [candidate for candidate in candidates if not math.isnan(candidate.score)]
    if not known:
        raise DatasetError(
            f"{dataset}: no model has a foreground Dice score. Is a class missing from all validation cases?",
            [f"{candidate.identifier}: {candidate.score}" for candidate in candidates],
        )
    best = max(known, key=lambda candidate: candidate.score)
    information = {
        "folds": folds,
        "dataset_name_or_id": dataset_name_or_id,
        "considered_models": models,
        "ensembling_allowed": allow_ensembling,
        "all_results": {candidate.identifier: candidate.score for candidate in candidates},
        "best_model_or_ensemble": _describe_best(dataset, best, num_processes),
    }
    write_json(information, join(nnUNet_results, dataset, "inference_information.json"), sort_keys=True)
    print_inference_instructions(information, join(nnUNet_results, dataset, "inference_instructions.txt"))
    return information


def _score_model(
    dataset: str, model: Model, folds: Sequence[int | str], num_processes: int, overwrite: bool
) -> _Candidate:
    folder = _model_folder(dataset, model)
    merged = join(folder, f"crossval_results_folds_{folds_tuple_to_string(folds)}")
    accumulate_cv_results(folder, merged, folds, num_processes, overwrite)
    score = load_summary_json(join(merged, "summary.json"))["foreground_mean"]["Dice"]
    return _Candidate(os.path.basename(folder), merged, (model,), score)


def _score_pair(
    dataset: str, pair: Sequence[_Candidate], folds: Sequence[int | str], num_processes: int, overwrite: bool
) -> _Candidate:
    from nnunetv2.ensembling.ensemble import ensemble_crossvalidations

    models = tuple(model for candidate in pair for model in candidate.models)
    folders = [_model_folder(dataset, model) for model in models]
    name = get_ensemble_name(folders[0], folders[1], folds)
    output = join(nnUNet_results, dataset, "ensembles", name)
    ensemble_crossvalidations(folders, output, folds, num_processes, overwrite)
    plans_manager = PlansManager(join(folders[0], "plans.json"))
    dataset_json = read_json(join(folders[0], "dataset.json"), MODEL_DATASET)
    summary = join(output, "summary.json")
    results = score_predictions(_copied_labels(dataset), output, summary, plans_manager, dataset_json, num_processes)
    return _Candidate(name, output, models, results["foreground_mean"]["Dice"])


def _copied_labels(dataset: str) -> str:
    """Return the folder of the preprocessed references, which nnU-Net takes here even if the raw ones exist."""
    return join(nnUNet_preprocessed, dataset, "gt_segmentations")


def _describe_best(dataset: str, best: _Candidate, num_processes: int) -> dict[str, Any]:
    """Determine the postprocessing of the best candidate; return its entry in inference_information.json."""
    from nnunetv2.postprocessing.remove_connected_components import determine_postprocessing

    plans_file, dataset_json_file = join(best.folder, "plans.json"), join(best.folder, "dataset.json")
    determine_postprocessing(best.folder, _copied_labels(dataset), plans_file, dataset_json_file, num_processes, True)
    scores = read_json(join(best.folder, "postprocessing.json"), POSTPROCESSING)
    return {
        "result_on_crossval_pre_pp": scores["input_folder"]["foreground_mean"]["Dice"],
        "result_on_crossval_post_pp": scores["postprocessed"]["foreground_mean"]["Dice"],
        "postprocessing_file": join(best.folder, "postprocessing.pkl"),
        "some_plans_file": plans_file,
        "selected_model_or_models": [
            {"configuration": m["configuration"], "trainer": m["trainer"], "plans_identifier": m["plans"]}
            for m in best.models
        ],
    }


def print_inference_instructions(inference_info_dict: dict[str, Any], instructions_file: str | None = None) -> None:
    """Print how to predict with the best model, and write it to `instructions_file` if given."""
    text = inference_instructions(inference_info_dict)
    sys.stdout.write(text)
    if instructions_file is not None:
        with replacing(instructions_file) as file:
            file.write_text(text)


def find_best_as_asked(arguments: Namespace) -> None:
    """Choose as the arguments of `nnUNetv2_find_best_configuration` ask, and print a short report."""
    dataset = maybe_convert_to_dataset_name(arguments.dataset_name_or_id)
    models = dumb_trainer_config_plans_to_trained_models_dict(arguments.tr, arguments.c, arguments.p)
    refuse_fold_all(Path(_model_folder(dataset, models[0])), arguments.f)
    information = find_best_configuration(
        dataset,
        models,
        not arguments.disable_ensembling,
        arguments.np,
        not arguments.no_overwrite,
        tuple(arguments.f),
    )
    sys.stdout.write("\n")
    for name, score in sorted(information["all_results"].items(), key=lambda entry: entry[1]):
        sys.stdout.write(f"{score:.4f}  {name}\n")
    best = information["best_model_or_ensemble"]
    summary = Path(best["postprocessing_file"]).parent / "summary.json"
    model = best["selected_model_or_models"][0]
    folder = get_output_folder(dataset, model["trainer"], model["plans_identifier"], model["configuration"])
    sys.stdout.write(report_evaluation(summary, domains_of_folder(folder)))


def accumulate_as_asked(arguments: Namespace) -> None:
    """Collect and score as the arguments of `nnUNetv2_accumulate_crossval_results` ask, and print a short report."""
    folder = get_output_folder(arguments.dataset_name_or_id, arguments.tr, arguments.p, arguments.c)
    if not isfile(join(folder, "plans.json")):
        raise MissingFileError(
            f"{folder} is not a model folder, this configuration was not trained; train its folds "
            f"({train_command(folder, 0)}, ...)"
        )
    refuse_fold_all(Path(folder), arguments.f)
    output = arguments.o or join(folder, f"crossval_results_folds_{folds_tuple_to_string(arguments.f)}")
    if arguments.o and isdir(output) and os.listdir(output):
        raise OutputExistsError(f"{output} exists and is not empty; choose another folder with -o")
    accumulate_cv_results(folder, output, arguments.f)
    sys.stdout.write(report_evaluation(join(output, "summary.json"), domains_of_folder(folder)))
