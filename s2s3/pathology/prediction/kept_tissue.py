"""The tissue that a model has found on a slide, kept with its bands: a resumed run need not find it again."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnunetv2.errors import ArchiveError, MissingFileError
from nnunetv2.pathology.outputs.bands import write_array
from nnunetv2.pathology.tissue.slide_tissue import TissueMask
from nnunetv2.pathology.tissue.tissue_mask import Mask

_TISSUE, _UNREAD = 1, 2
_DIGITS = 16


@dataclass(frozen=True)
class KeptTissue:
    """The file of a mask, whose name is that of everything that decides the mask, so that it fits or is not found.

    Parameters:
        folder: with the bands of a slide.
        decided_by: JSON values.
    """

    folder: Path
    decided_by: Mapping[str, Any]

    def read(self, height: int, width: int) -> tuple[Mask, Mask] | None:
        """Return where tissue is, and what could not be read, both (height, width); None if that is not known."""
        from nnunetv2.preprocessing.storage.b2nd_files import open_b2nd

        if self._file.is_symlink():
            return None
        try:
            array = open_b2nd(self._file)
        except (ArchiveError, MissingFileError):
            return None
        if (tuple(array.shape), array.dtype) != ((height, width), np.uint8):
            return None
        codes = np.asarray(array[...])
        return (codes & _TISSUE) > 0, (codes & _UNREAD) > 0

    def write(self, tissue: TissueMask) -> None:
        """Keep what was found, unless it is kept already."""
        if self.read(*tissue.mask.shape) is not None:
            return
        codes = np.where(tissue.mask, _TISSUE, 0).astype(np.uint8)
        if tissue.unread is not None:
            codes |= np.where(tissue.unread, _UNREAD, 0).astype(np.uint8)
        write_array(codes, self._file)

    @property
    def _file(self) -> Path:
        digest = hashlib.sha256(json.dumps(self.decided_by, sort_keys=True).encode()).hexdigest()
        return self.folder / f"tissue_{digest[:_DIGITS]}.b2nd"
