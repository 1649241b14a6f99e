"""Which files of a trained model travel in a zip file, and which of them are not there."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nnunetv2.model_sharing.model_advice import FINAL, checkpoints_by_fold, train_command
from nnunetv2.utilities.file_path_utilities import (
    convert_ensemble_folder_to_model_identifiers_and_folds,
    folds_tuple_to_string,
)

_FOLD_EXTRAS = (
    *("debug.json", "progress.png", "network_architecture.pdf"),
    *("training_curves.json", "network_architecture.svg"),  # ours
)
_MODEL_EXTRAS = ("domains.json", "prism_dd.json")
"""Not groups.json: patients of the training data are nobody else's business."""
_MODEL_FILES = ("plans.json", "dataset_fingerprint.json", "dataset.json")
_RESULTS = ("summary.json", "domain_summary.json", "postprocessing.pkl", "postprocessing.json")
_DATASET_FILES = ("inference_information.json", "inference_information.txt", "inference_instructions.txt")


@dataclass(frozen=True)
class Wanted:
    """What to take of each model."""

    folds: tuple[int | str, ...]
    checkpoints: tuple[str, ...]
    with_predictions: bool
    """All files of the validation, but for probabilities, instead of its scores alone."""


@dataclass(frozen=True)
class FoundFiles:
    """The files of one model; none where it cannot predict."""

    files: tuple[Path, ...]
    missing: tuple[str, ...]
    """One line for each thing that should be there."""


def find_model_files(folder: Path, wanted: Wanted) -> FoundFiles:
    """Return the files of the model in `<trainer>__<plans>__<configuration>`.

    A fold that lacks a checkpoint is left out as a whole. A model needs plans.json, dataset.json and one fold.
    """
    if not folder.is_dir():
        return FoundFiles((), (f"{folder.name}: not trained, there is no such folder in {folder.parent}",))
    folds = [_find_fold_files(folder / f"fold_{fold}", wanted) for fold in wanted.folds]
    of_folds = [file for fold in folds for file in fold.files]
    missing = [line for fold in folds for line in fold.missing]
    missing += [f"{folder.name}/{name}" for name in _MODEL_FILES if not (folder / name).is_file()]
    if not of_folds or not all((folder / name).is_file() for name in ("plans.json", "dataset.json")):
        return FoundFiles((), tuple(missing))
    own = [*_result_files(merged_results(folder, wanted), wanted), *_existing(folder, (*_MODEL_FILES, *_MODEL_EXTRAS))]
    return FoundFiles((*of_folds, *own), tuple(missing))


def merged_results(folder: Path, wanted: Wanted) -> Path:
    """Return the folder for the results of all wanted folds of a model together, which need not exist."""
    return folder / f"crossval_results_folds_{folds_tuple_to_string(wanted.folds)}"


def _find_fold_files(folder: Path, wanted: Wanted) -> FoundFiles:
    name = f"{folder.parent.name}/{folder.name}"
    if not folder.is_dir():
        return FoundFiles(
            (), (f"{name}: no such folder; train it with {train_command(folder.parent, _fold_of(folder))}",)
        )
    absent = [checkpoint for checkpoint in wanted.checkpoints if not (folder / checkpoint).is_file()]
    if absent:
        return FoundFiles((), tuple(f"{name}/{checkpoint} ({_what_there_is(folder)})" for checkpoint in absent))
    own = _existing(folder, (*wanted.checkpoints, *_FOLD_EXTRAS))
    validation = folder / "validation"
    but = (".npz", ".pkl")
    scores = _all_files(validation, but) if wanted.with_predictions else _existing(validation, _RESULTS)
    if validation / "summary.json" in scores:
        return FoundFiles((*own, *scores), ())
    return FoundFiles((*own, *scores), (f"{name}/validation/summary.json (made by `nnUNetv2_train ... --val`)",))


def _what_there_is(fold_folder: Path) -> str:
    """Return the checkpoints that a fold has, with the two ways to a model: choose one of them, or go on training."""
    model, fold = fold_folder.parent, _fold_of(fold_folder)
    names = checkpoints_by_fold(model).get(fold, [])
    if not names:
        return f"there is no checkpoint at all; train with {train_command(model, fold)}"
    there = f"there is {', '.join(names)}; choose with -chk"
    return there if FINAL in names else f"{there}, or continue with {train_command(model, fold, '--c')}"


def _fold_of(fold_folder: Path) -> str:
    return fold_folder.name.removeprefix("fold_")


def find_dataset_files(folder: Path, models: Iterable[str], wanted: Wanted) -> Iterator[Path]:
    """Yield the ensembles all of whose models are among `models`, and what was found out about the best of them."""
    exported = set(models)
    for ensemble in sorted((folder / "ensembles").glob("ensemble___*___*___*")):
        members, _ = convert_ensemble_folder_to_model_identifiers_and_folds(ensemble.name)
        if exported.issuperset(members):
            yield from _result_files(ensemble, wanted)
    yield from _existing(folder, _DATASET_FILES)


def _result_files(folder: Path, wanted: Wanted) -> list[Path]:
    return _all_files(folder) if wanted.with_predictions else _existing(folder, _RESULTS)


def _existing(folder: Path, names: Iterable[str]) -> list[Path]:
    return [folder / name for name in names if (folder / name).is_file()]


def _all_files(folder: Path, but: tuple[str, ...] = ()) -> list[Path]:
    """Return all files of a folder, without hidden ones; none if there is no such folder."""
    return sorted(
        file for file in folder.glob("*") if file.is_file() and file.suffix not in but and not file.name.startswith(".")
    )
