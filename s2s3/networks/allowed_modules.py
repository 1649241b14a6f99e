"""The modules that names in a file may lead to, and their import.

Importing a module runs it, so a name that comes out of a file is imported only if it lies below one of these roots:

- torch.nn, dynamic_network_architectures, nnunetv2
- the modules in the folders of nnUNet_extTrainer
- the modules that nnUNet_allowed_modules lists, separated by commas or colons, with their sub-modules
- while a planner plans with a class that its own code has set, the module of that class
"""

import importlib
import importlib.util
import os
import pkgutil
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from nnunetv2.errors import SettingsError
from nnunetv2.utilities.find_class_by_name import lies_in, on_search_path
from nnunetv2.utilities.find_objects import external_folders

ALLOWED_MODULES_VARIABLE = "nnUNet_allowed_modules"
_FIXED_ROOTS = ("torch.nn", "dynamic_network_architectures", "nnunetv2")
_of_code: ContextVar[tuple[str, ...]] = ContextVar("_of_code", default=())
"""Modules of classes that code, not a file, has chosen."""
_DOTTED_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def is_dotted_name(name: Any) -> bool:
    """Tell whether something is text such as `package.module.Class`."""
    return isinstance(name, str) and _DOTTED_NAME.fullmatch(name) is not None


def allowed_modules() -> list[str]:
    """Return the modules in `nnUNet_allowed_modules`. Raises SettingsError if an entry cannot be a module's name."""
    names = [name for name in re.split(r"[,:;\s'\"]+", os.environ.get(ALLOWED_MODULES_VARIABLE, "")) if name]
    for name in names:
        if not is_dotted_name(name):
            raise SettingsError(
                f"{ALLOWED_MODULES_VARIABLE} lists {name!r}, expected names of modules such as my_package.networks, "
                "separated by commas"
            )
    return names


def describe_roots() -> str:
    """Return the roots in words."""
    external = [f"the modules in {folder}" for folder in external_folders()]
    return ", ".join([*_FIXED_ROOTS, *external, *allowed_modules()])


def root_of(dotted_name: str) -> str | None:
    """Return the root that a dotted name lies in, None if there is none."""
    roots = (*_FIXED_ROOTS, *_of_code.get(), *allowed_modules(), *_external_modules())
    return next((root for root in roots if dotted_name == root or dotted_name.startswith(f"{root}.")), None)


@contextmanager
def chosen_by_code(module: str | None) -> Iterator[None]:
    """Let names lead to a module whose class was given as such, not by its name in a file; None changes nothing."""
    token = _of_code.set((*_of_code.get(), module) if module is not None else _of_code.get())
    try:
        yield
    finally:
        _of_code.reset(token)


def exists_elsewhere(dotted_name: str) -> bool:
    """Tell whether a name lies outside the roots, but in a module that is installed; nothing is imported."""
    if root_of(dotted_name) is not None:
        return False
    try:
        return importlib.util.find_spec(dotted_name.split(".")[0]) is not None
    except ValueError:  # a module in memory that came from no file
        return True


def import_deepest_module(dotted_name: str, root: str) -> tuple[ModuleType, list[str]]:
    """Import the deepest module in a dotted name that lies in `root`; return it with the rest of the name."""
    with _search_path_for(root):
        module, imported = importlib.import_module(root), root
        names = dotted_name.removeprefix(root).split(".")[1:]
        while names and hasattr(module, "__path__") and importlib.util.find_spec(f"{imported}.{names[0]}"):
            imported = f"{imported}.{names.pop(0)}"
            module = importlib.import_module(imported)
    return module, names


def _external_modules() -> dict[str, str]:
    """Return the modules in the folders of nnUNet_extTrainer with their folders; the first folder wins."""
    folders = reversed(external_folders())
    return {entry.name: folder for folder in folders for entry in pkgutil.iter_modules([folder])}


@contextmanager
def _search_path_for(root: str) -> Iterator[None]:
    """Let a module in a folder of nnUNet_extTrainer be imported; refuse another one of its name."""
    is_external = root not in (*_FIXED_ROOTS, *_of_code.get(), *allowed_modules())
    folder = _external_modules().get(root) if is_external else None
    if folder is None:
        yield
        return
    with on_search_path(folder):
        importlib.invalidate_caches()
        module = importlib.import_module(root)
        if not lies_in(module, os.path.abspath(folder)):
            raise ImportError(f"another module of this name is loaded, {module!r}; rename the file in {folder}")
        yield
