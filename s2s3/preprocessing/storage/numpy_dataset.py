"""Preprocessed cases in the older format: <case>.npz with `data` and `seg`, <case>.pkl, and .npy once unpacked."""

import os
from os.path import isfile, join
from typing import Any

import numpy as np

from nnunetv2.configuration import default_num_processes
from nnunetv2.foundation.files import replacing
from nnunetv2.foundation.safe_loading.safe_arrays import open_npy, read_npz
from nnunetv2.preprocessing.storage.base_dataset import (
    nnUNetBaseDataset,
    read_properties,
    require_same_space,
    write_properties,
)
from nnunetv2.preprocessing.storage.npz_unpacking import unpack_dataset


class nnUNetDatasetNumpy(nnUNetBaseDataset):
    """Cases in npz files; unpacked ones are memory-mapped, others are read whole."""

    def load_case(self, identifier: str) -> tuple[Any, Any, Any, dict[str, Any]]:
        """Map or read the arrays of a case and load its properties."""
        stem = join(self.source_folder, identifier)
        data = _load(stem + ".npy", stem + ".npz", "data")
        seg = _load(stem + "_seg.npy", stem + ".npz", "seg")
        seg_prev = None
        if self.folder_with_segs_from_previous_stage is not None:
            previous = join(self.folder_with_segs_from_previous_stage, identifier)
            seg_prev = _load(previous + ".npy", previous + ".npz", "seg")
        require_same_space(stem, data, seg, seg_prev, self.folder_with_segs_from_previous_stage)
        return data, seg, seg_prev, read_properties(stem + ".pkl")

    @staticmethod
    def save_case(
        data: np.ndarray, seg: np.ndarray, properties: dict[str, Any], output_filename_truncated: str
    ) -> None:
        """Write data (C, x, y, z) and seg (1, x, y, z) compressed, then the properties."""
        _write(output_filename_truncated + ".npz", data=data, seg=seg)
        write_properties(properties, output_filename_truncated + ".pkl")

    @staticmethod
    def save_seg(seg: np.ndarray, output_filename_truncated: str) -> None:
        """Write a prediction (x, y, z) as input of the next stage."""
        _write(output_filename_truncated + ".npz", seg=seg)

    @staticmethod
    def get_identifiers(folder: str) -> list[str]:
        """Return the cases with an npz file, ignoring temporary files."""
        return [name[:-4] for name in os.listdir(folder) if name.endswith("npz") and not name.startswith(".")]

    @staticmethod
    def unpack_dataset(
        folder: str, overwrite_existing: bool = False, num_processes: int = default_num_processes, verify: bool = True
    ) -> None:
        """Write npy files for each npz file."""
        unpack_dataset(folder, True, overwrite_existing, num_processes, verify)


def _load(mapped: str, packed: str, key: str) -> np.ndarray:
    if isfile(mapped):
        return open_npy(mapped)
    return read_npz(packed, key, "a preprocessed case")


def _write(path: str, **arrays: Any) -> None:
    with replacing(path) as temporary:
        np.savez_compressed(temporary, **arrays)
