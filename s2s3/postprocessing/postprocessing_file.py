"""Checks what was read from a postprocessing.pkl: functions, and the arguments of each."""

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nnunetv2.errors import CheckpointError
from nnunetv2.foundation.content_descriptions import describe_content

_LARGEST_LABEL = 2**16
_ARGUMENTS = ("labels_or_regions", "background_label")


def checked_postprocessing(
    content: Any, file: str | os.PathLike[str], own_function: Callable[..., np.ndarray]
) -> tuple[list[Callable[..., np.ndarray]], list[Mapping[str, Any]]]:
    """Return functions and arguments; CheckpointError, one line, if the file holds anything else.

    Parameters:
        own_function: the one whose arguments are known; they are checked.
    """
    if not _is_pair_of_lists(content):
        hint = ", the properties of a case" if isinstance(content, Mapping) and "spacing" in content else ""
        raise CheckpointError(
            f"{file}: holds {describe_content(content)}{hint}; expected a list of functions and one of their "
            "arguments (postprocessing.pkl of nnUNetv2_determine_postprocessing or nnUNetv2_find_best_configuration)"
        )
    functions, arguments = content
    for number, (function, keywords) in enumerate(zip(functions, arguments, strict=True), start=1):
        if function is own_function and not _are_arguments(keywords):
            raise CheckpointError(
                f"{file}: the arguments of step {number} are {describe_content(keywords)}; expected labels_or_regions, "
                f"labels or regions (tuples of labels) from 0 to {_LARGEST_LABEL - 1}, and at most background_label"
            )
    return list(functions), list(arguments)


def _is_pair_of_lists(content: Any) -> bool:
    if not (isinstance(content, list | tuple) and len(content) == 2):
        return False
    functions, arguments = content
    if not (isinstance(functions, list | tuple) and isinstance(arguments, list | tuple)):
        return False
    known = all(map(callable, functions)) and all(isinstance(keywords, Mapping) for keywords in arguments)
    return known and len(functions) == len(arguments)


def _are_arguments(keywords: Mapping[str, Any]) -> bool:
    if "labels_or_regions" not in keywords or not set(keywords) <= set(_ARGUMENTS):
        return False
    entries = keywords["labels_or_regions"]
    entries = entries if isinstance(entries, list) else [entries]
    wanted = [label for entry in entries for label in (entry if isinstance(entry, list | tuple) else [entry])]
    return all(map(_is_label, [*wanted, keywords.get("background_label", 0)]))


def _is_label(value: Any) -> bool:
    return isinstance(value, int | np.integer) and 0 <= int(value) < _LARGEST_LABEL
