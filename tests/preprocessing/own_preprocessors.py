"""Preprocessors like those of users, in a module that worker processes can import."""

import errno
import os
import signal
from typing import Any

import numpy as np

from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.utilities.label_handling import label_handling


class KilledAtCaseC(DefaultPreprocessor):
    """Simulates a process that the system kills while it works on case c."""

    def run_case_save(self, output_filename_truncated: str, *arguments: Any) -> None:
        super().run_case_save(output_filename_truncated, *arguments)
        if output_filename_truncated.endswith("c"):
            os.kill(os.getpid(), signal.SIGKILL)


class DiskFullAtCaseC(DefaultPreprocessor):
    """Simulates a disk that is full when case c is written."""

    def run_case_save(self, output_filename_truncated: str, *arguments: Any) -> None:
        super().run_case_save(output_filename_truncated, *arguments)
        if output_filename_truncated.endswith("c"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), output_filename_truncated)


class MergesLabels(DefaultPreprocessor):
    """Changes the stored labels through the hook."""

    def modify_seg_fn(self, seg: np.ndarray, *_: Any) -> np.ndarray:
        return np.minimum(seg, 1)


class DoublesArrays(DefaultPreprocessor):
    """Overrides the method for arrays; the method for files has to go through it."""

    def run_case_npy(self, data: np.ndarray, *arguments: Any) -> tuple[np.ndarray, np.ndarray, dict]:
        return super().run_case_npy(data * 2, *arguments)


class KeepsFloatTargets(DefaultPreprocessor):
    """For regression: the label file holds numbers, which stay as they are; only the image is preprocessed."""

    def run_case_npy(
        self, data: np.ndarray, seg: np.ndarray | None, *arguments: Any
    ) -> tuple[np.ndarray, np.ndarray, dict]:
        data, _, properties = super().run_case_npy(data, None, *arguments)
        return data, seg, properties


class CountsInstances(DefaultPreprocessor):
    """The label file holds numbers of instances, of which the hook makes one label."""

    def modify_seg_fn(self, seg: np.ndarray, *_: Any) -> np.ndarray:
        return np.where(seg > 0, 1, seg)


class RegistersItsLabelManager(DefaultPreprocessor):
    """Makes its label manager known only when a case is preprocessed, and ignores what it stores."""

    def run_case_npy(
        self, data: np.ndarray, seg: np.ndarray | None, properties: dict, plans_manager: Any, *managers: Any
    ) -> tuple[np.ndarray, np.ndarray, dict]:
        label_handling.OwnLabelManager = OwnLabelManager
        try:
            return super().run_case_npy(data, seg, properties, plans_manager, *managers)
        finally:
            del label_handling.OwnLabelManager


class OwnLabelManager(label_handling.LabelManager):
    """A label manager that is registered at run time."""
