"""Compares the values of masks with the labels of a dataset to be converted."""

from collections.abc import Mapping, Sequence

from nnunetv2.dataset_conversion.image_folder_cases import ConvertedCase
from nnunetv2.file_kinds.raw_dataset import dataset_json_problems

_MOST_LISTED = 10


def unusable_labels(labels: Mapping[str, int]) -> list[str]:
    """Return why the labels that a user names cannot be those of a dataset."""
    planned = {"labels": dict(labels), "channel_names": {}, "numTraining": 0, "file_ending": ".png"}
    return [f"--labels: {problem}" for problem in dataset_json_problems(planned)]


def labels_named_by_number(count: int) -> dict[str, int]:
    """Return background, label_1, label_2, ..."""
    return {"background" if value == 0 else f"label_{value}": value for value in range(count)}


def unknown_value_problems(converted: Mapping[str, ConvertedCase], found: list[int], known: list[int]) -> list[str]:
    """Return a line for each case with values that are not labels; `found` are the values of all cases together."""
    problems, labels = [], set(known)
    for case, info in converted.items():
        unknown = [value for value in info.labels if value not in labels]
        if unknown:
            hint = _relabelling(unknown, found, known)
            problems.append(f"mask of case {case}: found {listed(unknown)}, expected {listed(known)}{hint}")
    return problems


def _relabelling(unknown: list[int], found: list[int], known: list[int]) -> str:
    """Guess by order: 0/255 is meant as 0/1, 0/127/255 as 0/1/2. Very many values are not labels at all."""
    if len(unknown) > _MOST_LISTED:
        return "; masks that were scaled smoothly or saved as JPEG have such values"
    if len(found) > len(known):
        return ""
    meant = {value: known[found.index(value)] for value in unknown}
    pairs = " ".join(f"{value}={label}" for value, label in meant.items())
    return f", did you mean {listed(list(meant.values()))}? Then add --relabel {pairs}"


def listed(values: Sequence[int | str]) -> str:
    """Return the values as text, abbreviated if there are many."""
    if len(values) <= _MOST_LISTED:
        return ", ".join(map(str, values))
    return f"{len(values)} values from {values[0]} to {values[-1]}"
