"""Preprocessors like those of users, in a module that worker processes can import."""

import errno
import os
import signal
from typing import Any

import numpy as np

from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor


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
