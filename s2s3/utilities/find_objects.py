"""Find trainers by name: in the package, then in the folders of `nnUNet_extTrainer`."""

import os
from os.path import isdir, join
from typing import TYPE_CHECKING, Any

import nnunetv2
from nnunetv2.errors import SettingsError, WrongClassError
from nnunetv2.paths import nnUNet_extTrainer
from nnunetv2.utilities.find_class_by_name import describe_failed_imports, recursive_find_python_class

if TYPE_CHECKING:
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

_PACKAGE = "nnunetv2.training.nnUNetTrainer"


def recursive_find_trainer_class_by_name(trainer_name: str) -> "type[nnUNetTrainer]":
    """Return the trainer class of this name.

    Raises SettingsError (a RuntimeError) if there is none, WrongClassError (an AssertionError) if the name belongs to
    something that is not a subclass of nnUNetTrainer.
    """
    if not isinstance(trainer_name, str):
        raise SettingsError(f"the name of a trainer is {trainer_name!r}, expected text")
    own_folder, others = join(nnunetv2.__path__[0], "training", "nnUNetTrainer"), external_folders()
    found = recursive_find_python_class(own_folder, trainer_name, _PACKAGE)
    for folder in others:
        if found is None:
            found = recursive_find_python_class(
                folder, trainer_name, None, base_folder=folder, cleanup_imports_from_base_folder=True
            )
    if found is None:
        raise SettingsError(
            f"Could not find the trainer class {trainer_name}. Looked in {', '.join([own_folder, *others])}. "
            "Further folders go into the environment variable nnUNet_extTrainer, separated by "
            f"'{os.pathsep}'.{describe_failed_imports(own_folder, *others)}"
        )
    return check_trainer(found, trainer_name)


def external_folders() -> list[str]:
    """Return the existing folders in `nnUNet_extTrainer`."""
    return [folder for folder in nnUNet_extTrainer.folders() if isdir(folder)]


def check_trainer(found: Any, trainer_name: str) -> "type[nnUNetTrainer]":
    """Return what was found under the name; WrongClassError if it is not a subclass of nnUNetTrainer."""
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    if not (isinstance(found, type) and issubclass(found, nnUNetTrainer)):
        raise WrongClassError(f"{trainer_name} is {found!r}, expected a subclass of nnUNetTrainer")
    return found
