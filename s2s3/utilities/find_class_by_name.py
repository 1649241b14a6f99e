"""Find a class or function by its name in a folder of modules, as they are on disk at the time of the search."""

import importlib
import inspect
import os
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from nnunetv2.errors import SettingsError, WrongClassError

_failed_imports: dict[str, str] = {}
"""Path of a module below a searched folder -> reason why its last import failed."""


@dataclass(frozen=True)
class _Candidate:
    """A module a search may import: its dotted name, and the path of its source without the ending."""

    dotted_name: str
    path: str

    def mentions(self, class_name: str) -> bool:
        """Tell whether the source text contains the name; false if there is no source to read."""
        try:
            source = Path(self.path + ".py").read_bytes()
        except OSError:
            return False
        return re.search(rb"\b%s\b" % re.escape(class_name.encode()), source) is not None


def recursive_find_python_class(
    folder: str,
    class_name: str,
    current_module: str | None,
    base_folder: str | None = None,
    verbose: bool = False,
    cleanup_imports_from_base_folder: bool = False,
) -> Any:
    """Return the first attribute called `class_name` among the modules in and below `folder`, None if there is none.

    Modules come in alphabetical order, then sub-packages. Those whose source contains the name are imported first, so
    an unrelated module is imported only if these do not define it. A module that cannot be imported is skipped and
    remembered, see `describe_failed_imports`.

    Parameters:
        current_module: dotted name of `folder` as a package; None or empty if its modules are top-level.
        base_folder: where top-level modules are found during the search, `folder` if not given.
        verbose: write the name of each module that is tried to standard error.
        cleanup_imports_from_base_folder: forget afterwards what was imported from `base_folder`, so that two folders
            may hold modules of the same name. Classes of such modules cannot be pickled.
    """
    base_folder = os.path.abspath(base_folder or folder)
    with ExitStack() as surroundings:
        if cleanup_imports_from_base_folder:
            surroundings.enter_context(_forgetting_imports(base_folder))
        surroundings.enter_context(on_search_path(base_folder))
        importlib.invalidate_caches()
        candidates = list(_modules_below(folder, current_module))
        for candidate in sorted(candidates, key=lambda module: not module.mentions(class_name)):
            if verbose:
                sys.stderr.write(f"looking for {class_name} in {candidate.dotted_name}\n")
            module = _import(candidate, base_folder if cleanup_imports_from_base_folder else None)
            if hasattr(module, class_name):
                return getattr(module, class_name)
    return None


def derives_from(found: Any, base: type) -> bool:
    """Tell whether something is a class below `base` from which objects can be made."""
    return isinstance(found, type) and issubclass(found, base) and not inspect.isabstract(found)


def require_by_name(
    package: str, name: Any, kind: str, find: Callable[[str, str, str], Any] = recursive_find_python_class
) -> Any:
    """Return the first attribute called `name` among the modules of a package of nnunetv2.

    Parameters:
        package: dotted name of the package.
        kind: what is looked for, for the message.
        find: `recursive_find_python_class` as the caller's module holds it, if clients may replace it there.

    Raises SettingsError if there is none, with the modules that could not be imported.
    """
    if not isinstance(name, str):
        raise SettingsError(f"the name of a {kind} is {name!r}, expected text")
    folder = importlib.import_module(package).__path__[0]
    found = find(folder, name, package)
    if found is None:
        raise SettingsError(f"no {kind} named {name!r} in {package}{describe_failed_imports(folder)}")
    return found


def is_of_client(found: Any, package: str, name: str) -> bool:
    """Tell whether a finder that a client put in place of ours found something that ours does not find in a package.

    Such a finder is the client's code, so what it returns need not derive from anything.
    """
    folder = importlib.import_module(package).__path__[0]
    return recursive_find_python_class(folder, name, package) is not found


def require_class(package: str, name: Any, kind: str, base: type, find: Callable[[str, str, str], Any]) -> Any:
    """Like `require_by_name`, for a class; WrongClassError if what has the name does not derive from `base`."""
    found = require_by_name(package, name, kind, find)
    if not derives_from(found, base) and not is_of_client(found, package, name):
        expected = f"expected a subclass of {base.__name__}"
        raise WrongClassError(f"no {kind} is named {name!r}, which is {found!r} in {package}; {expected}")
    return found


def describe_failed_imports(*folders: str) -> str:
    """Return the end of a "not found" message: the modules below the folders that could not be imported."""
    roots = tuple(os.path.join(os.path.abspath(folder), "") for folder in folders)
    lines = [f"  {path}.py: {reason}" for path, reason in _failed_imports.items() if path.startswith(roots)]
    return "\n".join(["\nThese modules could not be imported:", *lines]) if lines else ""


def _modules_below(folder: str, package: str | None) -> Iterator[_Candidate]:
    prefix = f"{package}." if package else ""
    entries = list(pkgutil.iter_modules([folder]))
    for entry in entries:
        if not entry.ispkg:
            yield _Candidate(prefix + entry.name, os.path.join(os.path.abspath(folder), entry.name))
    for entry in entries:
        if entry.ispkg:
            yield from _modules_below(os.path.join(folder, entry.name), prefix + entry.name)


def _import(candidate: _Candidate, required_folder: str | None) -> ModuleType | None:
    """Return the module; None if it cannot be imported, or if another module of this name is already loaded."""
    try:
        module = importlib.import_module(candidate.dotted_name)
    except (Exception, SystemExit) as error:
        _failed_imports[candidate.path] = f"{type(error).__name__}: {error}"
        return None
    if required_folder is not None and not lies_in(module, required_folder):
        _failed_imports[candidate.path] = f"another module of this name is loaded, {module!r}; rename the file"
        return None
    _failed_imports.pop(candidate.path, None)
    return module


@contextmanager
def on_search_path(folder: str) -> Iterator[None]:
    """Put a folder first in Python's search path while the context lasts."""
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


@contextmanager
def _forgetting_imports(folder: str) -> Iterator[None]:
    """At the end, unload the modules that were meanwhile loaded from the folder."""
    loaded_before = set(sys.modules)
    try:
        yield
    finally:
        for name in sys.modules.keys() - loaded_before:
            if lies_in(sys.modules[name], folder):
                del sys.modules[name]


def lies_in(module: ModuleType, folder: str) -> bool:
    """Tell whether the source of a module lies below a folder, given as an absolute path."""
    file = getattr(module, "__file__", None)
    return file is not None and os.path.abspath(file).startswith(os.path.join(folder, ""))
