"""Finds resampling functions by the names in the plans."""

from collections.abc import Callable
from typing import Any

import nnunetv2.preprocessing.resampling as resampling_package
from nnunetv2.errors import SettingsError

# Clients replace this name in this module; it has to be called through it.
from nnunetv2.utilities.find_class_by_name import describe_failed_imports, recursive_find_python_class


def recursive_find_resampling_fn_by_name(resampling_fn: str) -> Callable[..., Any]:
    """Return the function of this name in nnunetv2.preprocessing.resampling; SettingsError if there is none."""
    folder = resampling_package.__path__[0]
    found = recursive_find_python_class(folder, resampling_fn, "nnunetv2.preprocessing.resampling")
    if found is None:
        raise SettingsError(
            f"no resampling function named {resampling_fn!r} in nnunetv2.preprocessing.resampling."
            f"{describe_failed_imports(folder)}"
        )
    return found
