"""Probabilities of a picture that are written to a file row by row, and from there to an .npz file."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from nnunetv2.preprocessing.stored_plane import Box
from s1.files import blaming

_BYTES_AT_ONCE = 2**24
_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class StoredProbabilities:
    """The file of an array (K, 1, H, W), float32 without a header."""

    file: Path
    shape: tuple[int, int, int, int]

    def write_npy(self, stream: IO[bytes]) -> None:
        """Write the array in the format of .npy files."""
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)), "fortran_order": False}
        np.lib.format.write_array_header_1_0(stream, {**header, "shape": self.shape})
        with open(self.file, "rb") as source:
            while part := source.read(_BYTES_AT_ONCE):
                stream.write(part)

    def remove(self) -> None:
        """Remove the file, if there is one."""
        self.file.unlink(missing_ok=True)


class ProbabilityRows:
    """Fills the file of StoredProbabilities.

    Parameters:
        box: of the part of the image that is predicted; elsewhere everything is background.
        has_regions: whether background has no channel of its own.
    """

    def __init__(self, stored: StoredProbabilities, box: Box, has_regions: bool):
        self._stored, self._box, self._has_regions = stored, box, has_regions
        stored.file.touch()
        _, _, height, _ = stored.shape
        top, bottom = box[1]
        for first, end in ((0, top), (bottom, height)):
            for row in range(first, end, _ROWS_AT_ONCE):
                self._put(row, self._background(min(_ROWS_AT_ONCE, end - row)))

    def write(self, top: int, probabilities: np.ndarray) -> None:
        """Write rows (K, n, width of the box), float32, from a row of the box on."""
        _, (first_row, _), (left, right) = self._box
        rows = self._background(probabilities.shape[1])
        rows[:, :, left:right] = probabilities
        self._put(top + first_row, rows)

    def _background(self, count: int) -> np.ndarray:
        rows = np.zeros((self._stored.shape[0], count, self._stored.shape[3]), dtype=np.float32)
        if not self._has_regions:
            rows[0] = 1
        return rows

    def _put(self, row: int, rows: Sequence[np.ndarray] | np.ndarray) -> None:
        _, _, height, width = self._stored.shape
        folder = f"{tempfile.gettempdir()} (the folder for temporary files, TMPDIR)"
        with blaming(folder), open(self._stored.file, "r+b") as stream:
            for channel, values in enumerate(rows):
                stream.seek((channel * height + row) * width * values.itemsize)
                stream.write(values.tobytes())
