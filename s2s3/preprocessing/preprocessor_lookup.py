"""Finds the preprocessor that plans name."""

from typing import Any

from nnunetv2.utilities.find_class_by_name import require_by_name
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager


def require_preprocessor_class(configuration: ConfigurationManager) -> Any:
    """Return the configuration's preprocessor class; SettingsError if there is none of the name in the plans."""
    found = configuration.preprocessor_class
    return found or require_by_name("nnunetv2.preprocessing", configuration.preprocessor_name, "preprocessor")
