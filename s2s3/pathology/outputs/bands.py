"""The bands of a slide on disk: what a stopped run has finished, so that the next one goes on from there.

    .work/plan.json                  everything that determines the pixels, so that a run with another model starts anew
    .work/labels_<block>_<band>.b2nd             compressed, (rows, columns)
    .work/probabilities_<block>_<band>.b2nd      if they were asked for, (K, rows, columns), coarser

A band counts as finished only if all its files are complete, so a killed run never leaves half of one.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from nnunetv2.errors import ArchiveError, MissingFileError, OutputExistsError, WrongShapeError
from nnunetv2.foundation.files import make_folder, read_json
from nnunetv2.pathology.outputs.band_layout import BandLayout, Span
from s1.files import replacing, write_json
from s1.json_files import JsonFile
from s1.json_schema import Record

_FOLDER = ".work"
_PLAN = "plan.json"
_PLAN_FILE = JsonFile("plan of a slide", Record(), "remove its folder, or use --overwrite")
_HASH_DIGITS_SHOWN = 4
_HEAD_BYTES = 2**16
_CHUNK_PX, _BLOCK_ROWS = (1024, 2048), 64
"""Left to itself, blosc2 makes blocks of whole rows, all of which a window of 2048 columns would need."""

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class BandFiles:
    """The finished bands in the output folder of one slide.

    Parameters:
        folder: of the slide; the bands are in its sub-folder `.work`.
        num_probabilities: channels of the probabilities that belong to a band; 0 if there are none.
        probability_factor: how many pixels of the labels lie along the edge of one of theirs.
        check: raises ClaimError before a band is written if the slide belongs to another process.
    """

    folder: Path
    layout: BandLayout
    label_dtype: DTypeLike = np.uint8
    num_probabilities: int = 0
    probability_factor: int = 1
    check: Callable[[], None] = lambda: None

    @property
    def work_folder(self) -> Path:
        """The folder of the bands and of their plan."""
        return work_folder(self.folder)

    def begin(self, plan: Mapping[str, Any], overwrite: bool = False) -> None:
        """Start, or go on with, the run that a plan describes; the plan and its parts are JSON values.

        With `overwrite`, the bands of another plan are removed. Raises OutputExistsError, naming the first entry that
        differs, if there are any; SettingsError if the folder cannot be made.
        """
        wanted = json.loads(json.dumps(plan))
        file = self.work_folder / _PLAN
        if file.is_file() and not self.work_folder.is_symlink():
            difference = _first_difference(read_json(file, _PLAN_FILE), wanted)
            if difference is None:
                return
            if not overwrite:
                raise OutputExistsError(
                    f"{self.folder} was made with another {difference}. Use another folder or --overwrite"
                )
        self.remove()
        make_folder(self.work_folder, "the output folder")
        write_json(wanted, file)

    def unfinished(self, block: int) -> list[int]:
        """Return the bands of a block that are missing or damaged, ascending."""
        return [band for band in range(len(self.layout.bands)) if not self.is_finished(block, band)]

    def is_finished(self, block: int, band: int) -> bool:
        """Tell whether all files of a band are there and of the right shape and type."""
        return all(self._opened(kind, block, band) is not None for kind in self._kinds)

    def write(self, block: int, band: int, labels: Array, probabilities: Array | None = None) -> None:
        """Write a finished band: labels (rows, columns); if the run has any, uint8 probabilities (K, rows, columns).

        Raises WrongShapeError for arrays of another shape or type than the layout says.
        """
        arrays = {"labels": labels} if probabilities is None else {"labels": labels, "probabilities": probabilities}
        expected = {kind: self._expected(kind, block, band) for kind in self._kinds}
        found = {kind: (array.shape, array.dtype) for kind, array in arrays.items()}
        if found != expected:
            raise WrongShapeError(f"band {band} of block {block} is {found}, expected {expected}")
        self.check()
        for kind in reversed(self._kinds):
            write_array(arrays[kind], self._file(kind, block, band), *_layout(arrays[kind].shape))

    def read(self, block: int, band: int, kind: str = "labels") -> Array:
        """Return an array of a finished band; ArchiveError, or MissingFileError, if it is damaged or missing."""
        array = self._opened(kind, block, band)
        if array is None:
            file = self._file(kind, block, band)
            error = ArchiveError if file.exists() else MissingFileError
            raise error(f"{file}: {'damaged' if file.exists() else 'not found'}. Predict the slide again")
        return np.asarray(array[...])

    def labels(self, top: int, left: int, height: int, width: int) -> Array:
        """Return a window of the whole label image, (height, width); it must lie inside the image.

        Only the parts of the files that it needs are decompressed. Raises as `read`.
        """
        window = np.empty((height, width), self.label_dtype)
        for band, rows, target_rows in _parts(self.layout.bands, top, height):
            for block, columns, target_columns in _parts(self.layout.blocks, left, width):
                window[target_rows, target_columns] = self._source("labels", block, band)[rows, columns]
        return window

    def probabilities(self, channel: int, top: int, left: int, height: int, width: int) -> Array:
        """Return a window of the whole map of a channel, (height, width) in its own pixels. Raises as `read`."""
        window = np.empty((height, width), np.uint8)
        bands, blocks = (_coarser(spans, self.probability_factor) for spans in (self.layout.bands, self.layout.blocks))
        for band, rows, target_rows in _parts(bands, top, height):
            for block, columns, target_columns in _parts(blocks, left, width):
                source = self._source("probabilities", block, band)
                window[target_rows, target_columns] = source[channel, rows, columns]
        return window

    @property
    def map_size(self) -> tuple[int, int]:
        """Height and width of the map of probabilities."""
        return -(-self.layout.height // self.probability_factor), -(-self.layout.width // self.probability_factor)

    def remove(self) -> None:
        """Remove all bands and their plan, also if there are none."""
        remove_bands(self.folder)

    @property
    def _kinds(self) -> list[str]:
        return ["labels", "probabilities"] if self.num_probabilities else ["labels"]

    def _file(self, kind: str, block: int, band: int) -> Path:
        return self.work_folder / f"{kind}_{block}_{band}.b2nd"

    def _expected(self, kind: str, block: int, band: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
        shape = self.layout.band_shape(block, band)
        if kind == "labels":
            return shape, np.dtype(self.label_dtype)
        coarse = (-(-length // self.probability_factor) for length in shape)
        return (self.num_probabilities, *coarse), np.dtype(np.uint8)

    def _source(self, kind: str, block: int, band: int) -> Any:
        array = self._opened(kind, block, band)
        return self.read(block, band, kind) if array is None else array

    def _opened(self, kind: str, block: int, band: int) -> Any:
        """Return the array of a file, still compressed; None if it is missing, a link, damaged or not as expected."""
        from nnunetv2.preprocessing.storage.b2nd_files import open_b2nd

        if self._file(kind, block, band).is_symlink():
            return None
        try:
            array = open_b2nd(self._file(kind, block, band))
        except (ArchiveError, MissingFileError):
            return None
        return array if (tuple(array.shape), array.dtype) == self._expected(kind, block, band) else None


def work_folder(folder: Path) -> Path:
    """Return where the output folder of a slide has its bands."""
    return folder / _FOLDER


def remove_bands(folder: Path) -> None:
    """Remove all bands and their plan from the output folder of a slide, also if there are none."""
    work = work_folder(folder)
    if work.is_symlink():
        work.unlink()
    shutil.rmtree(work, ignore_errors=True)


def _layout(shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return chunks and blocks of a band, (rows, columns) or with channels before: windows of it are read, not rows."""
    rows, columns, single = *shape[-2:], (1,) * (len(shape) - 2)
    width = min(columns, _CHUNK_PX[1])
    return (*single, min(rows, _CHUNK_PX[0]), width), (*single, min(rows, _BLOCK_ROWS), width)


def _coarser(spans: Sequence[Span], factor: int) -> list[Span]:
    return [(first // factor, -(-end // factor)) for first, end in spans]


def _parts(spans: Sequence[Span], start: int, length: int) -> Iterator[tuple[int, slice, slice]]:
    """Yield, for each span that a window touches, its number, what to take from it, and where in the window it goes."""
    for number, (first, end) in enumerate(spans):
        low, high = max(first, start), min(end, start + length)
        if low < high:
            yield number, slice(low - first, high - first), slice(low - start, high - start)


def file_stamp(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what tells whether a large file has changed: path, size, time, and a hash of its first and last 64 KiB."""
    status = os.stat(path)
    with open(path, "rb") as stream:
        digest = hashlib.sha256(stream.read(_HEAD_BYTES))
        stream.seek(max(0, status.st_size - _HEAD_BYTES))
        digest.update(stream.read(_HEAD_BYTES))
    return {
        "path": os.path.abspath(path),
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "hash": digest.hexdigest(),
    }


def write_array(
    array: Array, target: Path, chunks: tuple[int, ...] | None = None, blocks: tuple[int, ...] | None = None
) -> None:
    """Write an array atomically and make sure that it is on the disk before it gets its name.

    Parameters:
        chunks, blocks: parts of it that are compressed together, and parts of these that are decompressed alone; None:
            as blosc2 chooses.
    """
    import blosc2

    parameters = {"codec": blosc2.Codec.ZSTD, "clevel": 1, "nthreads": 1}
    parts = {} if chunks is None else {"chunks": chunks, "blocks": blocks}
    with replacing(target) as temporary:
        temporary.unlink()
        blosc2.asarray(np.ascontiguousarray(array), urlpath=str(temporary), mode="w", cparams=parameters, **parts)
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())


def _first_difference(found: Any, wanted: Any, place: tuple[str, ...] = ()) -> str | None:
    """Return 'entry (value instead of value)' for the first entry that differs, None if the plans are equal."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in [*wanted, *(key for key in found if key not in wanted)]:
            difference = _first_difference(found.get(key), wanted.get(key), (*place, key))
            if difference:
                return difference
        return None
    if found == wanted:
        return None
    what, *detail = place or ("plan",)
    words = "".join(f"{word} " for word in detail)
    is_hash = [what, *detail][-1] == "hash"
    return f"{what} ({words}{_shown(found, is_hash)} instead of {_shown(wanted, is_hash)})"


def _shown(value: Any, is_hash: bool) -> str:
    return f"{str(value)[:_HASH_DIGITS_SHOWN]}.." if is_hash else json.dumps(value)
