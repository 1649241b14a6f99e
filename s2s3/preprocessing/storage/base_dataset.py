"""The interface of a folder of preprocessed cases."""

import os
import pickle
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from nnunetv2.configuration import default_num_processes
from nnunetv2.errors import WrongShapeError
from nnunetv2.file_kinds.case_properties import load_properties
from nnunetv2.foundation.files import replacing


class nnUNetBaseDataset(ABC):
    """Preprocessed cases of a folder, by identifier; nothing is cached.

    Parameters:
        identifiers: cases to use, sorted in place; by default all cases of the folder.
        folder_with_segs_from_previous_stage: predictions of the previous stage of a cascade.
    """

    def __init__(
        self,
        folder: str,
        identifiers: list[str] | None = None,
        folder_with_segs_from_previous_stage: str | None = None,
    ):
        if identifiers is None:
            identifiers = self.get_identifiers(folder)
        identifiers.sort()
        self.source_folder = folder
        self.folder_with_segs_from_previous_stage = folder_with_segs_from_previous_stage
        self.identifiers = identifiers

    def __getitem__(self, identifier: str) -> tuple[Any, Any, Any, dict[str, Any]]:
        return self.load_case(identifier)

    @abstractmethod
    def load_case(self, identifier: str) -> tuple[Any, Any, Any, dict[str, Any]]:
        """Return data (C, x, y, z), seg (1, x, y, z), previous stage's seg (x, y, z) or None, and the properties.

        The arrays may be lazy: they have shape and dtype, and slicing gives numpy arrays. A missing file is a
        FileNotFoundError.
        """

    @staticmethod
    @abstractmethod
    def save_case(
        data: np.ndarray, seg: np.ndarray, properties: dict[str, Any], output_filename_truncated: str
    ) -> None:
        """Write the files of a case, the properties last."""

    @staticmethod
    @abstractmethod
    def get_identifiers(folder: str) -> list[str]:
        """Return the cases in a folder, in no particular order."""

    @staticmethod
    def unpack_dataset(
        folder: str, overwrite_existing: bool = False, num_processes: int = default_num_processes, verify: bool = True
    ) -> None:
        """Prepare the folder for fast reading, if its format needs it."""
        return


def write_properties(properties: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Pickle the properties of a case."""
    with replacing(path) as temporary, temporary.open("wb") as stream:
        pickle.dump(properties, stream)


def read_properties(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Unpickle the properties of a case, without running code; CheckpointError names a damaged or unsafe file."""
    return load_properties(path)


def require_same_space(stem: str, data: Any, seg: Any, seg_prev: Any, previous_folder: str | None) -> None:
    """Raise WrongShapeError, one line, unless the arrays of a case cover the same voxels.

    Parameters:
        stem: path of the case without ending.
        data: (C, x, y, z); seg: (1, x, y, z); seg_prev: (x, y, z) or None.
    """
    space = tuple(data.shape[1:])
    if tuple(seg.shape[1:]) != space:
        raise WrongShapeError(f"{stem}: data of shape {data.shape}, but labels of shape {seg.shape}; preprocess again")
    if seg_prev is not None and tuple(seg_prev.shape) != space:
        raise WrongShapeError(
            f"{previous_folder}: the previous stage's labels of {os.path.basename(stem)} have shape {seg_prev.shape}, "
            f"but the case has {space}; repeat the validation of the previous stage (`nnUNetv2_train ... --val`)"
        )
