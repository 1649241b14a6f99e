"""Read dataset.json of a raw dataset and name every problem in it."""

import os
from collections.abc import Iterator, Mapping
from os.path import join
from typing import Any

from nnunetv2.errors import DatasetLayoutError, DriftError
from nnunetv2.foundation.files import read_json
from nnunetv2.utilities.label_handling.label_handling import LabelManager
from s1.dataset_file import ENTRIES, FILE_ENDING, LARGEST_LABEL
from s1.json_files import CASE_LIST_MIB, JsonFile
from s1.json_schema import OBJECT, TEXT, MapOf, Record, Schema, whole_number
from s1.readable_files import is_given

_ANY_JSON = JsonFile("dataset.json", largest_mib=CASE_LIST_MIB)


def read_dataset_json(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the content of `<folder>/dataset.json`; DatasetLayoutError lists everything that is wrong with it.

    `channel_names` may be called `modality`, as in nnU-Net v1. Label values have to be consecutive unless there are
    regions. The number of cases is not compared with `numTraining`.
    """
    path = join(folder, "dataset.json")
    if not is_given(path, DatasetLayoutError):
        raise DatasetLayoutError(f"dataset.json not found: {path}; it describes channels, labels and file ending")
    content = read_json(path, _ANY_JSON, DatasetLayoutError)
    problems = dataset_json_problems(content)
    if problems:
        raise DatasetLayoutError(f"{path}: {len(problems)} problem(s)", problems)
    return content


def channel_names(dataset_json: Mapping[str, Any]) -> list[str]:
    """Return the names of the input channels in their order; `modality` is their key in nnU-Net v1."""
    return list((dataset_json.get("channel_names") or dataset_json.get("modality") or {}).values())


def dataset_json_problems(content: Any) -> list[str]:
    """Return one line for each thing wrong with the content of a dataset.json."""
    problems = [str(problem) for problem in _schema_of(content).problems(content)]
    if isinstance(content, dict) and isinstance(content.get("labels"), dict):
        problems += label_problems(content["labels"]) or list(_label_manager_problem(content))
    return problems


def _schema_of(content: Any) -> Record:
    """Return what planning needs; labels have rules of their own."""
    old = isinstance(content, dict) and "modality" in content and "channel_names" not in content
    required: dict[str, Schema] = {"labels": OBJECT, "numTraining": whole_number(0), "file_ending": FILE_ENDING}
    required["modality" if old else "channel_names"] = MapOf(TEXT, words="an object {number: name of the channel}")
    return Record(required, {key: ENTRIES[key] for key in ("dataset", "overwrite_image_reader_writer")})


def label_problems(labels: dict[str, Any]) -> list[str]:
    """Return one line for each label whose value is of the wrong kind or, without regions, leaves a gap."""
    if labels and "background" not in labels and all(isinstance(name, str) for name in labels.values()):
        return [
            "'labels' maps numbers to names, as in nnU-Net v1; expected names to numbers, for example {'background': 0}"
        ]
    wrong = [
        f"label {name!r} is {value!r}, expected a whole number{'' if name == 'ignore' else ' or a list of them'}"
        for name, value in labels.items()
        if not _is_label_value(value) and name != "background"
    ]
    return wrong or list(_gaps(labels))


def _is_label_value(value: Any) -> bool:
    values = value if isinstance(value, list | tuple) else [value]
    return all(
        isinstance(number, int | float)
        and not isinstance(number, bool)
        and abs(number) <= LARGEST_LABEL
        and float(number).is_integer()
        for number in values
    )


def _gaps(labels: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each label that breaks the row 0, 1, 2, ...; two names may share a value.

    A background of the wrong kind is left to LabelManager.
    """
    if any(isinstance(value, list | tuple) and len(value) > 1 for value in labels.values()):
        return
    scalars = {
        name: value[0] if isinstance(value, list | tuple) else value
        for name, value in labels.items()
        if value != [] and _is_label_value(value)
    }
    expected = {value: position for position, value in enumerate(sorted(set(scalars.values()) | {0}))}
    for name, value in scalars.items():
        if value != expected[value] and name != "background":
            yield f"label {name!r}: found {value}, did you mean {expected[value]}? Labels have to be consecutive from 0"


def _label_manager_problem(content: dict[str, Any]) -> Iterator[str]:
    try:
        LabelManager(content["labels"], content.get("regions_class_order"))
    except DriftError as error:
        yield str(error)
