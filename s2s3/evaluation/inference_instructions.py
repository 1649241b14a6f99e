"""The commands that predict with the best model, as text."""

import os
from collections.abc import Sequence
from os.path import join
from typing import Any

from nnunetv2.configuration import default_num_processes
from nnunetv2.utilities.file_path_utilities import get_output_folder
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

PathLike = str | os.PathLike[str]

_PREDICT = "***Run inference like this:***"
_POSTPROCESS = "***Once inference is completed, run postprocessing like this:***"
_ENSEMBLE = "The best result comes from an ensemble of two models. Predict with each of them:"
_MERGE = "Then average their predictions:"


def generate_inference_command(
    dataset_name_or_id: int | str,
    configuration_name: str,
    plans_identifier: str = "nnUNetPlans",
    trainer_name: str = "nnUNetTrainer",
    folds: Sequence[int | str] = (0, 1, 2, 3, 4),
    folder_with_segs_from_prev_stage: str | None = None,
    input_folder: str = "INPUT_FOLDER",
    output_folder: str = "OUTPUT_FOLDER",
    save_npz: bool = False,
) -> str:
    """Return the nnUNetv2_predict command for a model; for the second stage of a cascade, also that for the first.

    The first stage then predicts into `OUTPUT_FOLDER_PREV_STAGE` unless `folder_with_segs_from_prev_stage` is given.
    """
    commands = []
    previous = previous_stage(dataset_name_or_id, configuration_name, plans_identifier, trainer_name)
    if previous is not None and folder_with_segs_from_prev_stage is None:
        folder_with_segs_from_prev_stage = f"{output_folder}_PREV_STAGE"
        commands.append(
            generate_inference_command(
                dataset_name_or_id,
                previous,
                plans_identifier,
                trainer_name,
                folds,
                None,
                input_folder,
                folder_with_segs_from_prev_stage,
            )
        )
    parts = [
        f"nnUNetv2_predict -d {dataset_name_or_id} -i {input_folder} -o {output_folder}",
        f"-f  {' '.join(map(str, folds))} -tr {trainer_name} -c {configuration_name} -p {plans_identifier}",
        f"-prev_stage_predictions {folder_with_segs_from_prev_stage}" if folder_with_segs_from_prev_stage else "",
        "--save_probabilities" if save_npz else "",
    ]
    return "\n".join([*commands, " ".join(part for part in parts if part)])


def previous_stage(
    dataset_name_or_id: int | str, configuration_name: str, plans_identifier: str, trainer_name: str
) -> str | None:
    """Return the configuration whose predictions a model takes as input, None if it takes none."""
    folder = get_output_folder(dataset_name_or_id, trainer_name, plans_identifier, configuration_name)
    return PlansManager(join(folder, "plans.json")).get_configuration(configuration_name).previous_stage_name


def inference_instructions(inference_info_dict: dict[str, Any]) -> str:
    """Return the text of inference_instructions.txt for the content of inference_information.json."""
    best = inference_info_dict["best_model_or_ensemble"]
    models = best["selected_model_or_models"]
    outputs = [f"OUTPUT_FOLDER_MODEL_{i + 1}" for i in range(len(models))] if len(models) > 1 else ["OUTPUT_FOLDER"]
    commands = [
        generate_inference_command(
            inference_info_dict["dataset_name_or_id"],
            model["configuration"],
            model["plans_identifier"],
            model["trainer"],
            inference_info_dict["folds"],
            save_npz=len(models) > 1,
            output_folder=output,
        )
        for model, output in zip(models, outputs, strict=True)
    ]
    lines = [_PREDICT, "", *([_ENSEMBLE, ""] if len(models) > 1 else []), *commands]
    if len(models) > 1:
        merge = f"nnUNetv2_ensemble -i {' '.join(outputs)} -o OUTPUT_FOLDER -np {default_num_processes}"
        lines += ["", _MERGE, "", merge]
    postprocess = " ".join(
        [
            "nnUNetv2_apply_postprocessing -i OUTPUT_FOLDER -o OUTPUT_FOLDER_PP",
            f"-pp_pkl_file {best['postprocessing_file']}",
            f"-np {default_num_processes} -plans_json {best['some_plans_file']}",
        ]
    )
    return "\n".join([*lines, "", _POSTPROCESS, "", postprocess]) + "\n"
