"""Finds resampling functions by the names in the plans."""

from collections.abc import Callable
from typing import Any

# Clients replace this name in this module; it has to be called through it.
from nnunetv2.utilities.find_class_by_name import recursive_find_python_class, require_by_name


def recursive_find_resampling_fn_by_name(resampling_fn: str) -> Callable[..., Any]:
    """Return the function of this name in nnunetv2.preprocessing.resampling; SettingsError if there is none."""
    package = "nnunetv2.preprocessing.resampling"
    return require_by_name(package, resampling_fn, "resampling function", recursive_find_python_class)
