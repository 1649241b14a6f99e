"""Writes a label image of any size as an OME-TIFF with lower resolutions, strip by strip.

Level 0 is the image; level l has floor(size / 2^l) pixels, down to 1024 on the longer side. Lower levels are SubIFDs of
the first page, as OME 6 asks for. Equal labels give equal bytes.
"""

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from nnunetv2 import drift_version
from nnunetv2.errors import InvalidValueError
from nnunetv2.pathology.annotations.stitching import ReadLabels
from nnunetv2.pathology.outputs.label_reduction import Array, halved
from s1.files import replacing
from s1.partial_files import partial_folder

TILE_PX = 512
_COARSEST_PX = 1024
_COMPRESSION = 6
_UM_PER_CM = 10_000
_NAMESPACE = uuid.UUID("b6a4b1f0-6f0e-5c57-8f0b-2a8f64d8a3c1")


@dataclass(frozen=True)
class PyramidDescription:
    """What a label pyramid says about itself."""

    slide: str
    labels: Mapping[str, int]
    """Class -> value, as in dataset.json."""
    model: str
    mpp: tuple[float, float]
    """Micrometres per pixel of level 0, (x, y), above 0."""

    def __post_init__(self) -> None:
        if len(self.mpp) != 2 or not all(np.isfinite(value) and value > 0 for value in self.mpp):
            raise InvalidValueError(f"pixel size is {self.mpp}, expected two numbers above 0")


def level_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Return height and width of each level, finest first."""
    sizes = [(height, width)]
    while max(sizes[-1]) > _COARSEST_PX and min(sizes[-1]) > 1:
        sizes.append((sizes[-1][0] // 2, sizes[-1][1] // 2))
    return sizes


def write_label_pyramid(
    read_labels: ReadLabels,
    height: int,
    width: int,
    dtype: DTypeLike,
    description: PyramidDescription,
    target: Path,
    threads: int = 1,
) -> None:
    """Write a label image, which is read once, in strips of its whole width, top to bottom.

    Parameters:
        dtype: uint8 or uint16.
        threads: that compress tiles.

    Raises InvalidValueError for another type.
    """
    import tifffile

    if np.dtype(dtype) not in (np.uint8, np.uint16):
        raise InvalidValueError(f"labels are {np.dtype(dtype)}, expected uint8 or uint16")
    sizes = level_sizes(height, width)
    options = _page_options(dtype, threads)
    with (
        replacing(target) as temporary,
        partial_folder(target.parent) as scratch,
        tifffile.TiffWriter(temporary, bigtiff=True, ome=True) as writer,
    ):
        source = read_labels
        for level, size in enumerate(sizes):
            is_last = level == len(sizes) - 1
            coarser = None if is_last else _level_store(scratch / f"{level}.b2nd", sizes[level + 1], dtype)
            specific = _first_page(description, len(sizes) - 1) if level == 0 else {"subfiletype": 1}
            writer.write(_tiles(source, size, coarser), shape=size, **options, **specific)
            if coarser is not None:
                source = _reading(coarser)


def _page_options(dtype: DTypeLike, threads: int) -> dict[str, Any]:
    return {
        "dtype": np.dtype(dtype),
        "tile": (TILE_PX, TILE_PX),
        "photometric": "minisblack",
        "compression": "zlib",
        "compressionargs": {"level": _COMPRESSION},
        "predictor": False,
        "maxworkers": threads,
    }


def _first_page(description: PyramidDescription, lower_levels: int) -> dict[str, Any]:
    mpp_x, mpp_y = description.mpp
    text = {"labels": dict(description.labels), "model": description.model, "drift": drift_version.DRIFT}
    identity = json.dumps([description.slide, text, description.mpp])
    return {
        "subifds": lower_levels,
        "resolution": (_UM_PER_CM / mpp_x, _UM_PER_CM / mpp_y),
        "resolutionunit": "CENTIMETER",
        "metadata": {
            "axes": "YX",
            "UUID": f"urn:uuid:{uuid.uuid5(_NAMESPACE, identity)}",
            "Name": description.slide,
            "Description": json.dumps(text),
            "Channel": {"Name": ["labels"]},
            "PhysicalSizeX": mpp_x,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": mpp_y,
            "PhysicalSizeYUnit": "µm",
        },
    }


def _tiles(read_labels: ReadLabels, size: tuple[int, int], coarser: Any) -> Iterator[Array]:
    """Yield the tiles of a level, row by row, those at the end padded with 0; fill the next level on the way."""
    height, width = size
    for top in range(0, height, TILE_PX):
        rows = min(TILE_PX, height - top)
        strip = read_labels(top, 0, rows, width)
        if coarser is not None and rows > 1:
            coarser[top // 2 : (top + rows) // 2] = halved(strip)
        for left in range(0, width, TILE_PX):
            tile = strip[:, left : left + TILE_PX]
            missing = ((0, TILE_PX - tile.shape[0]), (0, TILE_PX - tile.shape[1]))
            yield np.pad(tile, missing) if missing != ((0, 0), (0, 0)) else np.ascontiguousarray(tile)


def _level_store(file: Path, size: tuple[int, int], dtype: DTypeLike) -> Any:
    """Return a compressed array on the disk, one chunk a strip."""
    import blosc2

    chunks = (min(TILE_PX // 2, size[0]), size[1])
    parameters = {"codec": blosc2.Codec.LZ4, "clevel": 5, "nthreads": 1}
    return blosc2.zeros(size, np.dtype(dtype), urlpath=str(file), mode="w", chunks=chunks, cparams=parameters)


def _reading(store: Any) -> ReadLabels:
    def read(top: int, left: int, height: int, width: int) -> Array:
        return np.asarray(store[top : top + height, left : left + width])

    return read
