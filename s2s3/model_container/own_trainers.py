"""The user's own trainers that a model needs in its container: folders of nnUNet_extTrainer, never named by a file."""

import ast
import shutil
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

from nnunetv2.errors import SettingsError
from nnunetv2.inference.model_folder import TrainedModel
from nnunetv2.model_container.locked_packages import locked_packages
from nnunetv2.networks.allowed_modules import allowed_modules, root_of
from nnunetv2.utilities.find_objects import external_folders, recursive_find_trainer_class_by_name

MOST_FILES = 500
_OURS = ("nnunetv2", "s1")
_IN_EVERY_CONTAINER = ("nnunetv2", "torch", "dynamic_network_architectures")


def own_trainer_folders(model: TrainedModel) -> list[Path]:
    """Return the folders of nnUNet_extTrainer if the model needs code from them, else none.

    Raises SettingsError if its trainer is not found, if it needs an installed module of the user's own, or if the
    folders hold more than trainers.
    """
    trainer = recursive_find_trainer_class_by_name(model.trainer_name)
    network = root_of(str(model.description.configuration.network_arch_class_name)) or ""
    if network in allowed_modules():
        raise SettingsError(
            f"the network is of the module {network}, which nnUNet_allowed_modules lets in here and no container has; "
            "put its files into a folder of nnUNet_extTrainer"
        )
    if trainer.__module__.startswith("nnunetv2.") and network.split(".")[0] in ("", *_IN_EVERY_CONTAINER):
        return []
    folders = [Path(folder) for folder in external_folders()]
    for folder in folders:
        _require_few_files(folder)
    return folders


def _require_few_files(folder: Path) -> None:
    number = sum(1 for _ in _sources(folder))
    if number > MOST_FILES:
        raise SettingsError(
            f"{folder}: {number} Python files, expected a folder of trainers alone with at most {MOST_FILES}; the "
            "container takes along all of them, so move the trainers into a folder of their own"
        )


def _sources(folder: Path) -> Iterator[Path]:
    """Yield the Python files of a folder; links are left out."""
    for file in sorted(folder.rglob("*.py")):
        below = (folder / Path(*file.relative_to(folder).parts[: depth + 1]) for depth in range(len(file.parts)))
        if file.is_file() and not any(part.is_symlink() for part in below):
            yield file


def copy_trainers(folders: Sequence[Path], target: Path) -> None:
    """Copy the Python files of the folders to `target`/0, `target`/1, ..."""
    for number, folder in enumerate(folders):
        for file in _sources(folder):
            copy = target / str(number) / file.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)


def packages_of_trainers(folders: Sequence[Path]) -> list[str]:
    """Return `name==version` of the installed packages that the files import, with all that these need.

    Raises SettingsError for a file that is no Python, and for a package that was not installed from an index.
    """
    known = packages_distributions()
    own = {entry.stem for folder in folders for entry in folder.iterdir()} | {*_OURS, *sys.stdlib_module_names}
    imported = {name for folder in folders for file in _sources(folder) for name in _imported(file)} - own
    found: set[str] = set()
    for package in {package for name in imported for package in known.get(name, ())}:
        found.update(locked_packages(package, with_itself=True))
    for line in found:
        _require_from_index(line.split("==")[0])
    return sorted(found)


def _require_from_index(package: str) -> None:
    """Refuse a package from a folder or an address: an index has none of this name, or somebody else's.

    Those of conda name the folder that they were built in, and are the released ones.
    """
    installed = distribution(package)
    is_of_conda = (installed.read_text("INSTALLER") or "").strip() == "conda"
    if installed.read_text("direct_url.json") is not None and not is_of_conda:
        raise SettingsError(
            f"the trainers need {package}, which is installed from a folder or an address and not from a package "
            "index, where the container would look for it; put its files into a folder of nnUNet_extTrainer"
        )


def _imported(file: Path) -> Iterator[str]:
    """Yield the top-level names of what a file imports."""
    try:
        tree = ast.parse(file.read_bytes(), str(file))
    except (SyntaxError, ValueError) as error:
        raise SettingsError(f"{file}: {error}; expected Python, as the container takes this file along") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]
