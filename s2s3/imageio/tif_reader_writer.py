"""3D TIFF stacks, with their spacing in a side file."""

import os
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from nnunetv2.errors import CallError, ImageProblemError, UnfitImageError
from nnunetv2.file_kinds.dataset_files import SPACING_FILE
from nnunetv2.foundation.files import read_json, replacing, write_json
from nnunetv2.imageio.base_reader_writer import BaseReaderWriter, stack_channels, stored_dtype
from nnunetv2.imageio.reading_errors import reading
from s1.readable_files import is_given
from s1.tiff_files import read_tiff_stack

CHANNEL_SUFFIX_LENGTH = len("_0000")


class Tiff3DIO(BaseReaderWriter):
    """One 3D file per channel, axes as stored.

    A file `<case>.json` may hold the spacing, {"spacing": [a, b, c]}; without it the spacing is 1, 1, 1.
    """

    supported_file_endings: ClassVar[list[str]] = [".tif", ".tiff"]

    def read_images(self, image_fnames: list[str] | tuple[str, ...]) -> tuple[np.ndarray, dict[str, Any]]:
        """Read the files of one case as (C, x, y, z) float32."""
        spacing = _read_spacing(_spacing_file(image_fnames))
        return stack_channels([_read_stack(name) for name in image_fnames], image_fnames), {"spacing": spacing}

    def read_seg(self, seg_fname: str) -> tuple[np.ndarray, dict[str, Any]]:
        """Read a label map as (1, x, y, z) float32."""
        spacing = _read_spacing(self.label_side_files(seg_fname)[0])
        return stack_channels([_read_stack(seg_fname, is_label=True)], (seg_fname,)), {"spacing": spacing}

    def side_files(self, image_fnames: Sequence[str]) -> list[str]:
        """Return the path of the spacing file."""
        return [_spacing_file(image_fnames)]

    def label_side_files(self, seg_fname: str) -> list[str]:
        """Return the path of the spacing file of a label map."""
        return [_without_ending(seg_fname) + ".json"]

    def write_seg(self, seg: np.ndarray, output_fname: str, properties: dict[str, Any]) -> None:
        """Write labels (x, y, z) compressed, and their spacing to a side file."""
        import tifffile

        if seg.ndim != 3:
            raise CallError(f"{output_fname}: expected a label map with three axes, got shape {seg.shape}")
        with replacing(output_fname) as temporary:
            tifffile.imwrite(
                temporary, seg.astype(stored_dtype(seg), copy=False), photometric="minisblack", compression="zlib"
            )
        write_json({"spacing": properties["spacing"]}, self.label_side_files(output_fname)[0])


def _spacing_file(image_fnames: Sequence[str]) -> str:
    return _without_ending(image_fnames[0])[:-CHANNEL_SUFFIX_LENGTH] + ".json"


def _without_ending(path: str) -> str:
    stem, ending = os.path.splitext(path)
    if ending.lower() not in Tiff3DIO.supported_file_endings:
        raise UnfitImageError(f"{path}: the name has to end in {' or '.join(Tiff3DIO.supported_file_endings)}")
    return stem


def _read_stack(path: str, is_label: bool = False) -> np.ndarray:
    """Return the values (1, x, y, z)."""
    with reading(path):
        stack = read_tiff_stack(path, is_label)
    if stack.ndim != 3:
        raise ImageProblemError(f"{path}: only 3D files can be read, one per channel; this one has shape {stack.shape}")
    return stack[None]


def _read_spacing(path: str) -> list[float] | tuple[int, int, int]:
    if not is_given(path, UnfitImageError):
        warnings.warn(f"no spacing file {path}, spacing (1, 1, 1) is used", stacklevel=3)
        return (1, 1, 1)
    spacing: list[float] = read_json(path, SPACING_FILE, UnfitImageError)["spacing"]
    return spacing
