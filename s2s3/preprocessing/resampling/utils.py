"""Finds resampling functions by the names in the plans."""

from collections.abc import Callable
from inspect import isfunction
from typing import Any

from nnunetv2.errors import WrongClassError

# Clients replace this name in this module; it has to be called through it.
from nnunetv2.utilities.find_class_by_name import is_of_client, recursive_find_python_class, require_by_name

_PACKAGE = "nnunetv2.preprocessing.resampling"


def recursive_find_resampling_fn_by_name(resampling_fn: str) -> Callable[..., Any]:
    """Return the function of this name in nnunetv2.preprocessing.resampling.

    Raises SettingsError if there is none; what a module there only imports does not count.
    """
    found = require_by_name(_PACKAGE, resampling_fn, "resampling function", recursive_find_python_class)
    is_defined_here = isfunction(found) and found.__module__.startswith(f"{_PACKAGE}.")
    if not is_defined_here and not is_of_client(found, _PACKAGE, resampling_fn):
        raise WrongClassError(
            f"no resampling function is named {resampling_fn!r}, which is {found!r}; expected a function defined in "
            f"{_PACKAGE}"
        )
    return found
