"""What a model folder holds, and the command that goes on where something is missing."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from nnunetv2.errors import DatasetLayoutError
from nnunetv2.utilities.file_path_utilities import parse_dataset_trainer_plans_configuration_from_path

PathLike = str | os.PathLike[str]
Fold = int | str

FINAL, BEST, LATEST = (f"checkpoint_{name}.pth" for name in ("final", "best", "latest"))
_DEFAULTS = {"-tr": "nnUNetTrainer", "-p": "nnUNetPlans"}


def checkpoints_by_fold(model: PathLike) -> dict[str, list[str]]:
    """Return fold -> names of its checkpoints, sorted as text; folds without one are left out."""
    found: dict[str, list[str]] = {}
    for file in sorted(Path(model).glob("fold_*/[!.]*.pth")):
        found.setdefault(file.parent.name.removeprefix("fold_"), []).append(file.name)
    return found


def train_command(model: PathLike, fold: Fold, *flags: str) -> str:
    """Return the command that trains a fold of a model folder, in backquotes."""
    dataset, trainer, plans, configuration = _parts_of(model)
    chosen = zip(_DEFAULTS.items(), (trainer, plans), strict=True)
    options = [f"{flag} {name}" for (flag, usual), name in chosen if name != usual]
    return f"`{' '.join(['nnUNetv2_train', dataset, configuration, str(fold), *options, *flags])}`"


def predict_command(model: PathLike, fold: Fold) -> str:
    """Return the command that predicts with a fold of a model folder, in backquotes."""
    dataset, trainer, plans, configuration = _parts_of(model)
    chosen = zip(_DEFAULTS.items(), (trainer, plans), strict=True)
    options = [f"{flag} {name}" for (flag, usual), name in chosen if name != usual]
    parts = ["nnUNetv2_predict -d", dataset, "-c", configuration, *options, "-f", str(fold), "-i INPUT -o OUTPUT"]
    return f"`{' '.join(parts)}`"


def _parts_of(model: PathLike) -> tuple[str, str, str, str]:
    try:
        parts = parse_dataset_trainer_plans_configuration_from_path(os.path.abspath(model))
    except DatasetLayoutError:
        parts = None
    return parts or ("DATASET", _DEFAULTS["-tr"], _DEFAULTS["-p"], "CONFIGURATION")


def describe_fold(model: PathLike, fold: Fold, *flags: str) -> str:
    """Return what there is of a fold that has no final checkpoint, and the command that finishes its training."""
    there = checkpoints_by_fold(model).get(str(fold), [])
    if not there:
        return f"fold {fold} was not trained: {train_command(model, fold, *flags)}"
    return (
        f"the training of fold {fold} was interrupted (there is {', '.join(there)}): continue it with "
        f"{train_command(model, fold, '--c', *flags)}"
    )


def ways_to_checkpoints(model: PathLike, folds: Sequence[Fold], checkpoint: str) -> str:
    """Return what can be done if not all of the folds have the checkpoint: choose what there is, or train.

    Parameters:
        folds: those that were asked for; none if they were to be found.
    """
    return "; or ".join(_ways(model, [str(fold) for fold in folds], checkpoint))


def _ways(model: PathLike, wanted: Sequence[str], checkpoint: str) -> Iterator[str]:
    found = checkpoints_by_fold(model)
    usable = [fold for fold, names in found.items() if checkpoint in names]
    lacking = [fold for fold in wanted or found or ["0"] if fold not in usable]
    if usable:
        yield f"choose the folds that have it with -f {' '.join(_alike(usable))}"
    others = {name for fold in lacking for name in found.get(fold, [])}
    if others:
        yield f"choose another checkpoint with -chk {sorted(others)[0]}"
    for fold in lacking[:1] if checkpoint == FINAL else ():
        yield f"train ({describe_fold(model, fold)})"


def _alike(folds: Sequence[str]) -> Sequence[str]:
    """Return the numbered folds, which are used together, or `all` if there are none."""
    return [fold for fold in folds if fold != "all"] or folds
