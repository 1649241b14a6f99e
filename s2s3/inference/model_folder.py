"""Reads a model folder: plans.json, dataset.json and one checkpoint per fold."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nnunetv2.domains.domain_statistics import DomainStatistics
from nnunetv2.errors import CheckpointError, IncompleteCheckpointError, InvalidValueError, MissingFileError
from nnunetv2.file_kinds.dataset_files import MODEL_DATASET
from nnunetv2.foundation.files import read_json
from nnunetv2.foundation.safe_loading.safe_checkpoint import load_checkpoint_file
from nnunetv2.inference.domain_membership import statistics_in
from nnunetv2.model_sharing.model_advice import checkpoints_by_fold, train_command, ways_to_checkpoints
from nnunetv2.utilities.plans_handling.model_description import ModelDescription
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

PathLike = str | os.PathLike[str]
Folds = str | int | Iterable[str | int] | None
Parameters = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class TrainedModel:
    """The content of a model folder; configuration, trainer and mirroring axes are those of the first fold."""

    description: ModelDescription
    trainer_name: str
    mirroring_axes: tuple[int, ...] | None
    parameters: dict[Path, Parameters]
    domain_statistics: tuple[DomainStatistics, ...] = ()
    """How the domains of the training look, of the folds that say so."""


def available_folds(model_folder: PathLike, checkpoint_name: str) -> list[int]:
    """Return the folds of a model folder that have the checkpoint, sorted as text, without `fold_all`."""
    folders = sorted(path for path in Path(model_folder).glob("fold_*") if (path / checkpoint_name).is_file())
    names = [path.name.removeprefix("fold_") for path in folders if path.name != "fold_all"]
    if not all(name.isdecimal() for name in names):
        raise InvalidValueError(f"{model_folder}: expected folders fold_<number>, got fold_{', fold_'.join(names)}")
    return [int(name) for name in names]


def usual_folds(model_folder: PathLike, checkpoint_name: str) -> tuple[int | str, ...]:
    """Return the folds that predict where none is asked for: all numbered ones with the checkpoint, else `all`."""
    return tuple(available_folds(model_folder, checkpoint_name)) or ("all",)


def read_model_folder(
    model_folder: PathLike, folds: Folds, checkpoint_name: str, plans_class: type[PlansManager] = PlansManager
) -> TrainedModel:
    """Read plans, dataset.json and the checkpoints of the folds (None: all that exist).

    Raises MissingFileError naming missing files, CheckpointError for an unusable checkpoint.
    """
    folder = Path(model_folder)
    if not folder.is_dir():
        raise MissingFileError(f"model folder not found: {folder}. {_advice_for_no_model(folder)}")
    dataset_json = read_json(folder / "dataset.json", MODEL_DATASET)
    plans = plans_class(folder / "plans.json")
    files = checkpoint_files(folder, folds, checkpoint_name)
    parameters: dict[Path, Parameters] = {}
    described: dict[str, Any] = {}
    statistics = []
    for file in files:
        checkpoint = load_checkpoint_file(file, "cpu")
        parameters[file] = _entry(checkpoint, "network_weights", file)
        described = described or _describe(checkpoint, file)
        statistics.append(statistics_in(checkpoint, file))
    configuration = plans.get_configuration(described.pop("configuration"))
    return TrainedModel(
        ModelDescription.of(plans, configuration, dataset_json),
        parameters=parameters,
        domain_statistics=tuple(fold for fold in statistics if fold is not None),
        **described,
    )


def checkpoint_files(folder: Path, folds: Folds, checkpoint_name: str) -> list[Path]:
    """Return the checkpoint of each fold; MissingFileError lists missing ones."""
    if folds is None:
        folds = available_folds(folder, checkpoint_name)
        if not folds:
            raise MissingFileError(f"{folder}: no fold has a {checkpoint_name}. {_advice(folder, [], checkpoint_name)}")
    chosen = [folds] if isinstance(folds, str | int) else list(folds)
    files = [folder / f"fold_{fold if fold == 'all' else int(fold)}" / checkpoint_name for fold in chosen]
    missing = [str(file.relative_to(folder)) for file in files if not file.is_file()]
    if missing or not files:
        problem = f"{', '.join(missing)} not found" if missing else "no fold was given"
        raise MissingFileError(f"{folder}: {problem}. {_advice(folder, chosen, checkpoint_name)}")
    return files


def _advice(folder: Path, folds: list[str | int], checkpoint: str) -> str:
    found = [f"fold_{fold}/{name}" for fold, names in checkpoints_by_fold(folder).items() for name in names]
    ways = ways_to_checkpoints(folder, folds, checkpoint)
    return f"Found: {', '.join(found) or 'no checkpoint'}{f'. You can {ways}' if ways else ''}"


def _advice_for_no_model(folder: Path) -> str:
    others = sorted(path.name for path in folder.parent.glob("*__*__*")) if folder.parent.is_dir() else []
    trained = f"Trained are: {', '.join(others)}. " if others else ""
    return f"{trained}Train it first ({train_command(folder, 0)})"


def _describe(checkpoint: dict[str, Any], file: Path) -> dict[str, Any]:
    axes = checkpoint.get("inference_allowed_mirroring_axes")
    return {
        "configuration": _name(_entry(checkpoint, "init_args", file), "configuration", file),
        "trainer_name": _name(checkpoint, "trainer_name", file),
        "mirroring_axes": None if axes is None else tuple(axes),
    }


def _name(entries: Any, key: str, file: Path) -> str:
    if not isinstance(entries, Mapping):
        raise CheckpointError(f"{file}: 'init_args' is {entries!r:.60}, expected the arguments of a trainer by name")
    name = _entry(entries, key, file)
    if not isinstance(name, str) or not name.isprintable():
        raise CheckpointError(f"{file}: {key!r} is {name!r:.60}, expected text in one line")
    return name


def _entry(entries: Mapping[str, Any], key: str, file: Path) -> Any:
    if key not in entries:
        raise IncompleteCheckpointError(f"{file}: no entry {key!r}; is this an nnU-Net checkpoint?")
    return entries[key]
