"""Preprocessed cases as compressed arrays that are read patch by patch: <case>.b2nd, <case>_seg.b2nd, <case>.pkl."""

import errno
import os
import shutil
import warnings
from collections.abc import Mapping, Sequence
from os.path import join
from typing import Any

import blosc2
import numpy as np

from nnunetv2.configuration import default_num_processes
from nnunetv2.foundation.files import replacing
from nnunetv2.preprocessing.storage.b2nd_files import open_b2nd
from nnunetv2.preprocessing.storage.base_dataset import (
    nnUNetBaseDataset,
    read_properties,
    require_same_space,
    write_properties,
)
from nnunetv2.preprocessing.storage.block_shapes import comp_blosc2_params

DATA_ENDING = ".b2nd"
SEG_ENDING = "_seg.b2nd"
PATCH_IF_UNKNOWN = (128, 128, 128)

_SAMPLED_VALUES = 4096

FAST_CODEC = blosc2.Codec.LZ4
FAST_LEVEL = 9
"""Level for preprocessing: takes a seventh of the time of LZ4HC at level 5; files are a third larger, read faster."""


class nnUNetDatasetBlosc2(nnUNetBaseDataset):
    """Cases in b2nd files; any chunks, codec and filters can be read."""

    def __init__(
        self,
        folder: str,
        identifiers: list[str] | None = None,
        folder_with_segs_from_previous_stage: str | None = None,
    ):
        super().__init__(folder, identifiers, folder_with_segs_from_previous_stage)
        blosc2.set_nthreads(1)

    comp_blosc2_params = staticmethod(comp_blosc2_params)

    def load_case(self, identifier: str) -> tuple[Any, Any, Any, dict[str, Any]]:
        """Open the lazy arrays of a case, memory-mapped, and load its properties."""
        stem = join(self.source_folder, identifier)
        previous = self.folder_with_segs_from_previous_stage
        data, seg = open_b2nd(stem + DATA_ENDING), open_b2nd(stem + SEG_ENDING)
        seg_prev = None if previous is None else open_b2nd(join(previous, identifier + DATA_ENDING))
        require_same_space(stem, data, seg, seg_prev, previous)
        return data, seg, seg_prev, read_properties(stem + ".pkl")

    @staticmethod
    def save_case(
        data: np.ndarray,
        seg: np.ndarray,
        properties: dict[str, Any],
        output_filename_truncated: str,
        chunks: Sequence[int] | None = None,
        blocks: Sequence[int] | None = None,
        chunks_seg: Sequence[int] | None = None,
        blocks_seg: Sequence[int] | None = None,
        clevel: int = 5,
        codec: blosc2.Codec = blosc2.Codec.LZ4HC,
        filters: Sequence[blosc2.Filter] | None = None,
        filters_seg: Sequence[blosc2.Filter] | None = None,
    ) -> None:
        """Write data (C, x, y, z), seg (1, x, y, z) and properties, replacing files of that name.

        Parameters:
            chunks, blocks: shapes as returned by comp_blosc2_params; by default seg takes those of data.
            filters: pipeline of blosc2; by default chosen from the values.
        """
        blosc2.set_nthreads(1)
        if chunks is None or blocks is None:
            warnings.warn(f"no chunks and blocks given, using those for patches of {PATCH_IF_UNKNOWN}", stacklevel=2)
            blocks, chunks = comp_blosc2_params(data.shape, PATCH_IF_UNKNOWN, data.itemsize)
        blocks_seg = blocks if blocks_seg is None else blocks_seg
        chunks_seg = chunks if chunks_seg is None else chunks_seg
        for array, ending, chunk, block, chosen in (
            (data, DATA_ENDING, chunks, blocks, filters),
            (seg, SEG_ENDING, chunks_seg, blocks_seg, filters_seg),
        ):
            array = np.ascontiguousarray(array)
            pipeline = [choose_filter(array)] if chosen is None else list(chosen)
            compression = {"codec": codec, "clevel": clevel, "filters": pipeline, "nthreads": 1}
            compression["filters_meta"] = [0] * len(pipeline)
            _write(array, output_filename_truncated + ending, chunk, block, compression)
        write_properties(properties, output_filename_truncated + ".pkl")

    @staticmethod
    def save_seg(
        seg: np.ndarray,
        output_filename_truncated: str,
        chunks_seg: Sequence[int] | None = None,
        blocks_seg: Sequence[int] | None = None,
    ) -> None:
        """Write a prediction (x, y, z) as input of the next stage: <case>.b2nd, without properties."""
        _write(
            np.ascontiguousarray(seg), output_filename_truncated + DATA_ENDING, chunks_seg, blocks_seg, {"nthreads": 1}
        )

    @staticmethod
    def get_identifiers(folder: str) -> list[str]:
        """Return the cases with a data file, ignoring temporary files."""
        names = (name for name in os.listdir(folder) if name.endswith(DATA_ENDING) and not name.startswith("."))
        return [name.removesuffix(DATA_ENDING) for name in names if not name.endswith(SEG_ENDING)]

    @staticmethod
    def unpack_dataset(
        folder: str, overwrite_existing: bool = False, num_processes: int = default_num_processes, verify: bool = True
    ) -> None:
        """Do nothing: patches are read from the compressed files."""
        return


def choose_filter(array: np.ndarray) -> blosc2.Filter:
    """Return the filter that compresses a contiguous array well, judging by some values in its middle.

    Normalised 8-bit images have few distinct values, which repeat as a whole; interpolated values hardly repeat, but
    their leading bytes do.
    """
    values = array.reshape(-1)
    start = max(0, (values.size - _SAMPLED_VALUES) // 2)
    sample = values[start : start + _SAMPLED_VALUES]
    return blosc2.Filter.SHUFFLE if len(np.unique(sample)) * 4 > len(sample) else blosc2.Filter.NOFILTER


def _write(
    array: np.ndarray,
    path: str,
    chunks: Sequence[int] | None,
    blocks: Sequence[int] | None,
    compression: Mapping[str, Any],
) -> None:
    with replacing(path) as temporary:
        temporary.unlink()
        try:
            blosc2.asarray(array, urlpath=str(temporary), chunks=chunks, blocks=blocks, cparams=compression)
        except RuntimeError as error:
            raise _cannot_write(array, path, error) from error


def _cannot_write(array: np.ndarray, path: str, error: RuntimeError) -> OSError:
    """Guess why writing failed, since blosc2 does not tell; nearly always the disk is full."""
    free = shutil.disk_usage(os.path.dirname(path) or ".").free
    number = errno.ENOSPC if free < array.nbytes else errno.EIO
    return OSError(number, f"{os.strerror(number)}: {error}; {free / 1e6:.1f} MB are free on this disk", path)
