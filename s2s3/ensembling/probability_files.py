"""Reads what prediction with `--save_probabilities` wrote for a case: <case>.npz and <case>.pkl."""

import os
from typing import Any

import numpy as np

from nnunetv2.errors import InvalidValueError
from nnunetv2.foundation.content_descriptions import describe_content
from nnunetv2.foundation.safe_loading.safe_arrays import read_npz

PathLike = str | os.PathLike[str]

_EXPECTED = "probabilities as --save_probabilities writes them"


def read_probabilities(file: PathLike) -> np.ndarray:
    """Return the array `probabilities` (K, x, y, z) of an npz file.

    Raises MissingFileError, ArchiveError or InvalidValueError, one line that names the file, if it holds anything else.
    """
    probabilities = read_npz(file, "probabilities", f"an npz file of {_EXPECTED}")
    if probabilities.ndim != 4 or probabilities.dtype.kind != "f":
        raise InvalidValueError(
            f"{file}: holds {describe_content(probabilities)}; expected {_EXPECTED}, "
            "floating-point numbers of shape (classes, x, y, z)"
        )
    if not np.isfinite(probabilities.sum(dtype=np.float64)):
        raise InvalidValueError(f"{file}: not all probabilities are finite numbers; predict this case again")
    return probabilities


def require_classes(probabilities: np.ndarray, file: PathLike, classes: int) -> None:
    """Raise InvalidValueError if a file has not one channel for each class or region."""
    if len(probabilities) != classes:
        raise InvalidValueError(
            f"{file}: holds probabilities of {len(probabilities)} classes, but dataset.json and plans.json describe "
            f"{classes}; is it a prediction of another dataset?"
        )


def require_geometry(
    probabilities: np.ndarray, file: PathLike, properties: dict[str, Any], properties_file: PathLike
) -> None:
    """Raise InvalidValueError if the properties are those of an image of another size, in any order of the axes."""
    shape = properties.get("shape_before_cropping")
    if shape is None:
        return
    lengths = list(shape) if isinstance(shape, list | tuple | np.ndarray) else [shape]
    if sorted(map(str, probabilities.shape[1:])) != sorted(map(str, lengths)):
        raise InvalidValueError(
            f"{properties_file}: describes an image of shape {str(lengths)[:50]}, but {file} holds probabilities of "
            f"shape {probabilities.shape[1:]}; do both belong to the same prediction?"
        )
