"""Finds the preprocessor that plans name."""

from typing import Any

from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.utilities.find_class_by_name import recursive_find_python_class, require_class
from nnunetv2.utilities.plans_handling.plans_entries import named_by
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager


def require_preprocessor_class(configuration: ConfigurationManager) -> Any:
    """Return the configuration's preprocessor class.

    Raises SettingsError if no subclass of DefaultPreprocessor has the name in the plans.
    """
    found = configuration.preprocessor_class
    if found is not None:
        return found
    name = configuration.preprocessor_name
    with named_by(configuration, "preprocessor_name"):
        return require_class(
            "nnunetv2.preprocessing", name, "preprocessor", DefaultPreprocessor, recursive_find_python_class
        )
