"""Blocks of pixels that the next column block of a slide needs, too, kept on the disk, so that each is decoded once."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnunetv2.errors import ArchiveError, MissingFileError
from nnunetv2.pathology.outputs.bands import write_array
from nnunetv2.pathology.prediction.slide_normalisation import Pixels

Key = tuple[int, int]
"""Column and row of a block in the grid of blocks."""


@dataclass(frozen=True)
class KeptBlocks:
    """Files in the folder of a slide's bands, which belong to the same plan as these.

    Parameters:
        check: raises ClaimError before a block is written if the slide belongs to another process.
    """

    folder: Path
    check: Callable[[], None] = lambda: None

    def __contains__(self, key: Key) -> bool:
        return self._file(key).is_file() and not self._file(key).is_symlink()

    def keep(self, key: Key, pixels: Pixels) -> None:
        """Keep the pixels (h, w, 3) of a block."""
        self.check()
        write_array(pixels, self._file(key))

    def read(self, key: Key, height: int, width: int) -> Pixels | None:
        """Return the pixels (height, width, 3) of a block; None if they are not there, or damaged."""
        from nnunetv2.preprocessing.storage.b2nd_files import open_b2nd

        if key not in self:
            return None
        try:
            array = open_b2nd(self._file(key))
            fits = (tuple(array.shape), array.dtype) == ((height, width, 3), np.uint8)
            return np.asarray(array[...]) if fits else None
        except (ArchiveError, MissingFileError):
            return None

    def forget(self, key: Key) -> None:
        """Let go of a block."""
        self._file(key).unlink(missing_ok=True)

    def _file(self, key: Key) -> Path:
        return self.folder / f"pixels_{key[0]}_{key[1]}.b2nd"
