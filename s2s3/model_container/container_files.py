"""`drift container`: writes a folder from which a container is built that predicts with a model."""

import math
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from nnunetv2.drift_version import DRIFT, NNUNET
from nnunetv2.errors import IncompleteModelError, OutputExistsError, SettingsError
from nnunetv2.foundation.files import make_folder
from nnunetv2.foundation.scratch_folder import scratch_folder
from nnunetv2.inference.model_folder import read_model_folder
from nnunetv2.model_container.container_texts import container_texts
from nnunetv2.model_container.locked_packages import locked_packages
from nnunetv2.model_container.own_trainers import copy_trainers, own_trainer_folders, packages_of_trainers
from nnunetv2.model_sharing.model_advice import checkpoints_by_fold

_MODEL_FILES = ("plans.json", "dataset.json")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True)
class ContainerSettings:
    """What the container does. Raises SettingsError for names that are none."""

    output_name: str = "segmentation"
    """Folder of the results below /output/images: the slug of a grand-challenge interface."""
    whole_slides: bool = False
    """Whether inputs are whole slides instead of images."""
    mpp: float | None = None
    """Micrometres per pixel of the model, for slides; None: what its dataset.json says."""
    folds: Sequence[int | str] | None = None
    """None: all that have the checkpoint."""
    checkpoint: str = "checkpoint_final.pth"
    cpu: bool = False
    """Whether torch is installed without CUDA."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.output_name):
            raise SettingsError(f"--output_name {self.output_name}: expected small letters, digits and hyphens")
        if self.mpp is not None and not (self.whole_slides and 0 < self.mpp < math.inf):
            raise SettingsError(f"--mpp {self.mpp}: expected a number above 0, together with --slides")


def write_container(model: Path, target: Path, settings: ContainerSettings) -> None:
    """Write the folder `target`, all or nothing.

    Raises OutputExistsError if it exists, and what reading the model raises: it is loaded as a prediction does. Own
    trainers that it needs go along; SettingsError if they are not found or cannot.
    """
    if target.exists():
        raise OutputExistsError(f"{target} exists; remove it or choose another folder with -o")
    folds = _folds(model, settings)
    trainers = own_trainer_folders(read_model_folder(model, tuple(folds), settings.checkpoint))
    name = re.sub(r"[^a-z0-9]+", "-", f"{model.parent.name}-{model.name}".lower()).strip("-")
    texts = container_texts(
        f"{model.parent.name}/{model.name}",
        name,
        settings.output_name,
        _options(settings, folds),
        sorted({*locked_packages(), *packages_of_trainers(trainers)}),
        settings.cpu,
        len(trainers),
    )
    parent = make_folder(target.absolute().parent, "the folder of the container")
    with scratch_folder(parent, target.name) as folder:
        _copy_model(model, folder / "model", folds, settings.checkpoint)
        _copy_package(folder / "package")
        copy_trainers(trainers, folder / "trainers")
        for file, text in texts.items():
            (folder / file).write_text(text, encoding="utf-8")
            (folder / file).chmod(0o755 if file.endswith(".sh") else 0o644)
        folder.rename(target)


def _folds(model: Path, settings: ContainerSettings) -> list[int | str]:
    there = [fold for fold, names in checkpoints_by_fold(model).items() if settings.checkpoint in names]
    numbered = [fold for fold in there if fold.isascii() and fold.isdecimal()]
    wanted = [str(fold) for fold in settings.folds or numbered or [fold for fold in there if fold == "all"]]
    missing = [fold for fold in wanted if fold not in there]
    if missing or not wanted:
        what = f"fold {', '.join(missing)}" if missing else "any fold"
        known = f"there is one of {', '.join(there)}" if there else "train it first"
        raise IncompleteModelError(f"{model}: has no {settings.checkpoint} of {what}; {known}")
    return [int(fold) if fold.isdecimal() else fold for fold in wanted]


def _options(settings: ContainerSettings, folds: Sequence[int | str]) -> list[str]:
    options = ["--output_name", settings.output_name, "-chk", settings.checkpoint, "-f", *map(str, folds)]
    options += ["--slides"] if settings.whole_slides else []
    return options if settings.mpp is None else [*options, "--mpp", repr(float(settings.mpp))]


def _copy_model(model: Path, target: Path, folds: Sequence[int | str], checkpoint: str) -> None:
    target.mkdir()
    for name in _MODEL_FILES:
        shutil.copyfile(model / name, target / name)
    for fold in folds:
        (target / f"fold_{fold}").mkdir()
        shutil.copyfile(model / f"fold_{fold}" / checkpoint, target / f"fold_{fold}" / checkpoint)


def _copy_package(target: Path) -> None:
    """Copy the code that runs now, and its name and version for programs that ask for them."""
    for name in ("nnunetv2", "s1"):
        source = Path(next(iter(import_module(name).__path__)))
        shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    version = f"{NNUNET}+drift.{DRIFT}"
    facts = target / f"nnunetv2-{version}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: nnunetv2\nVersion: {version}\n", encoding="utf-8")
