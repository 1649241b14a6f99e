"""Names of model folders, ensembles and folds."""

import os
from collections.abc import Iterable, Sequence
from multiprocessing.pool import Pool
from os.path import basename, join, normpath
from typing import Any

from nnunetv2.errors import DatasetLayoutError, WorkerDiedError
from nnunetv2.paths import nnUNet_results
from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name

_ENSEMBLE = "ensemble"


def convert_trainer_plans_config_to_identifier(trainer_name: str, plans_identifier: str, configuration: str) -> str:
    """Return the name of a model folder, `<trainer>__<plans>__<configuration>`."""
    return f"{trainer_name}__{plans_identifier}__{configuration}"


def convert_identifier_to_trainer_plans_config(identifier: str) -> list[str]:
    """Return [trainer, plans, configuration] of a model folder, given by name or path."""
    return basename(identifier).split("__")


def get_output_folder(
    dataset_name_or_id: str | int,
    trainer_name: str = "nnUNetTrainer",
    plans_identifier: str = "nnUNetPlans",
    configuration: str = "3d_fullres",
    fold: str | int | None = None,
) -> str:
    """Return the path of a model folder or, with `fold`, of that fold's folder."""
    folder = join(
        nnUNet_results,
        maybe_convert_to_dataset_name(dataset_name_or_id),
        convert_trainer_plans_config_to_identifier(trainer_name, plans_identifier, configuration),
    )
    return folder if fold is None else join(folder, f"fold_{fold}")


def parse_dataset_trainer_plans_configuration_from_path(path: str) -> tuple[str, str, str, str] | None:
    """Return (dataset, trainer, plans, configuration) of a path in or below a model folder.

    None if no folder of the path looks like a dataset; DatasetLayoutError if one does and no model folder follows.
    """
    folders = normpath(path).split(os.sep)
    for dataset, identifier in zip(folders[-2::-1], folders[:0:-1], strict=False):
        parts = convert_identifier_to_trainer_plans_config(identifier)
        if dataset.startswith("Dataset") and len(parts) == 3:
            return dataset, parts[0], parts[1], parts[2]
    if any(folder.startswith("Dataset") for folder in folders):
        raise DatasetLayoutError(f"{path}: expected .../DatasetXXX_Name/<trainer>__<plans>__<configuration>/...")
    return None


def get_ensemble_name(model1_folder: str, model2_folder: str, folds: Sequence[int | str]) -> str:
    """Return the folder name of an ensemble of two models, `ensemble___<model>___<model>___<folds>`."""
    models = [_model_identifier(folder) for folder in (model1_folder, model2_folder)]
    return "___".join([_ENSEMBLE, *models, folds_tuple_to_string(folds)])


def _model_identifier(folder: str) -> str:
    parsed = parse_dataset_trainer_plans_configuration_from_path(folder)
    if parsed is None:
        raise DatasetLayoutError(f"{folder}: expected a model folder below a folder DatasetXXX_Name")
    return convert_trainer_plans_config_to_identifier(*parsed[1:])


def convert_ensemble_folder_to_model_identifiers_and_folds(ensemble_folder: str) -> tuple[list[str], str]:
    """Return the names of the models of an ensemble and its folds as text."""
    _, *models, folds = basename(ensemble_folder).split("___")
    return models, folds


def folds_tuple_to_string(folds: Iterable[int | str]) -> str:
    """Return the folds joined by underscores: "0_1" for (0, 1)."""
    return "_".join(map(str, folds))


def folds_string_to_tuple(folds_string: str) -> list[int | str]:
    """Return the folds of "0_1" as [0, 1]; a text that is not a number, for example "all", is kept."""
    return [int(fold) if fold.isdecimal() else fold for fold in folds_string.split("_")]


def check_workers_alive_and_busy(
    export_pool: Pool, worker_list: Sequence[Any], results_list: Sequence[Any], allowed_num_queued: int = 0
) -> bool:
    """Tell whether a pool has as much to do as it may queue: unfinished results >= processes + `allowed_num_queued`.

    Raises WorkerDiedError (a RuntimeError) if one of the processes in `worker_list` is gone.
    """
    if not all(worker.is_alive() for worker in worker_list):
        raise WorkerDiedError(
            "a background process has died; its message, if any, stands further up (memory is the usual reason)"
        )
    unfinished = sum(not result.ready() for result in results_list)
    return unfinished >= len(export_pool._pool) + allowed_num_queued  # type: ignore[attr-defined]
