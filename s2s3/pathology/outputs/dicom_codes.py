"""Under which codes of a medical terminology a DICOM segmentation has the classes of a model."""

from collections.abc import Mapping
from pathlib import Path

from nnunetv2.errors import ArgumentError
from nnunetv2.file_kinds.slide_files import DICOM_CODES
from nnunetv2.foundation.files import read_json
from s1.problem_lists import closest_name

Code = tuple[str, str, str]
"""Value, coding scheme, meaning: ("85756007", "SCT", "Tissue")."""
ClassCodes = tuple[Code, Code]
"""Category and type of what a class means."""
DEFAULT_CODES: ClassCodes = (
    ("49755003", "SCT", "Morphologically Abnormal Structure"),
    ("85756007", "SCT", "Tissue"),
)


def class_codes(file: str | None, classes: Mapping[str, int]) -> tuple[dict[str, ClassCodes], list[str]]:
    """Return the codes of each class, and the classes that have the default codes for want of their own.

    Parameters:
        file: JSON, class -> [category, type], each [value, scheme, meaning]; None: there are none.

    Raises MissingFileError or InvalidValueError for a file that cannot be used, ArgumentError for unknown classes.
    """
    given = {} if file is None else read_json(Path(file), DICOM_CODES)
    for name in given:
        if name not in classes:
            known = ", ".join(classes)
            raise ArgumentError(f"{file}: {name!r} is no class; the model has {known}{closest_name(name, classes)}")
    codes = {name: _pair(given[name]) if name in given else DEFAULT_CODES for name in classes}
    return codes, [name for name in classes if name not in given]


def _pair(entry: list[list[str]]) -> ClassCodes:
    category, kind = ((value, scheme, meaning) for value, scheme, meaning in entry)
    return category, kind
