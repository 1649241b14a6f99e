"""Writes images of any size as OME-TIFF with lower resolutions, part by part.

Level 0 is the image; level l has floor(size / 2^l) pixels, down to 1024 on the longer side. Lower levels are SubIFDs of
the first pages, as OME 6 asks for. Equal images give equal bytes.
"""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from nnunetv2.errors import InvalidValueError
from nnunetv2.pathology.annotations.stitching import ReadLabels
from nnunetv2.pathology.outputs.label_reduction import Array
from s1.files import replacing
from s1.partial_files import partial_folder

TILE_PX = 512
_PART_PX = 2**14
"""Width of the parts in which a strip, a row of tiles, is read and halved: of a slide it may be 100,000 pixels wide."""
COARSEST_PX = 1024
_COMPRESSION = 6
_UM_PER_CM = 10_000
_NAMESPACE = uuid.UUID("b6a4b1f0-6f0e-5c57-8f0b-2a8f64d8a3c1")

ReadPlane = Callable[[int, int, int, int, int], Array]
"""(plane, top, left, height, width) -> that window of a plane, (height, width)."""


@dataclass(frozen=True)
class OmeImage:
    """An image of one plane, or of one for each channel. Raises InvalidValueError for a pixel size of 0 or less.

    Parameters:
        halve: turns a window of a level into that of the next, of half the size, rounded down.
        mpp: micrometres per pixel of level 0, (x, y), above 0.
        about: JSON values for the description.
        channels: names.
        is_stack: whether there is an axis of channels, even if it has one.
    """

    read: ReadPlane
    height: int
    width: int
    dtype: DTypeLike
    halve: Callable[[Array], Array]
    name: str
    mpp: tuple[float, float]
    about: Mapping[str, Any]
    channels: tuple[str, ...]
    is_stack: bool

    def __post_init__(self) -> None:
        require_pixel_size(self.mpp)


def require_pixel_size(mpp: tuple[float, float]) -> None:
    """Raise InvalidValueError unless a pixel size is two numbers above 0."""
    if len(mpp) != 2 or not all(np.isfinite(value) and value > 0 for value in mpp):
        raise InvalidValueError(f"pixel size is {mpp}, expected two numbers above 0")


def level_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Return height and width of each level, finest first."""
    sizes = [(height, width)]
    while max(sizes[-1]) > COARSEST_PX and min(sizes[-1]) > 1:
        sizes.append((sizes[-1][0] // 2, sizes[-1][1] // 2))
    return sizes


def write_ome_pyramid(image: OmeImage, target: Path, threads: int = 1, as_pages: bool = False) -> None:
    """Write an image, which is read once, plane by plane, in parts of strips, from left to right and top to bottom.

    Parameters:
        threads: that compress tiles.
        as_pages: whether lower resolutions are pages of their own, as readers need that do not look into SubIFDs, such
            as OpenSlide; OME's readers see further images then.
    """
    import tifffile

    sizes = level_sizes(image.height, image.width)
    planes = len(image.channels)
    options = _page_options(image.dtype, threads)
    with (
        replacing(target) as temporary,
        partial_folder(target.parent) as scratch,
        tifffile.TiffWriter(temporary, bigtiff=True, ome=True) as writer,
    ):
        source = image.read
        for level, size in enumerate(sizes):
            is_last = level == len(sizes) - 1
            store = None if is_last else _level_store(scratch / f"{level}.b2nd", planes, sizes[level + 1], image.dtype)
            specific = _lower_page(as_pages) if level else _first_page(image, 0 if as_pages else len(sizes) - 1)
            shape = (planes, *size) if image.is_stack else size
            writer.write(_tiles(source, planes, size, store, image.halve), shape=shape, **options, **specific)
            if store is not None:
                source = _reading(store)


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


def _lower_page(as_page: bool) -> dict[str, Any]:
    return {"subfiletype": 1, "metadata": None} if as_page else {"subfiletype": 1}


def _first_page(image: OmeImage, lower_levels: int) -> dict[str, Any]:
    mpp_x, mpp_y = image.mpp
    identity = json.dumps([image.name, dict(image.about), image.mpp])
    return {
        "subifds": lower_levels,
        "resolution": (_UM_PER_CM / mpp_x, _UM_PER_CM / mpp_y),
        "resolutionunit": "CENTIMETER",
        "metadata": {
            "axes": "CYX" if image.is_stack else "YX",
            "UUID": f"urn:uuid:{uuid.uuid5(_NAMESPACE, identity)}",
            "Name": image.name,
            "Description": json.dumps(dict(image.about)),
            "Channel": {"Name": list(image.channels)},
            "PhysicalSizeX": mpp_x,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": mpp_y,
            "PhysicalSizeYUnit": "µm",
        },
    }


def _tiles(
    read: ReadPlane, planes: int, size: tuple[int, int], coarser: Any, halve: Callable[[Array], Array]
) -> Iterator[Array]:
    for plane in range(planes):
        store = None if coarser is None else coarser[plane]
        yield from _tiles_of_plane(partial(read, plane), size, store, halve)


def _tiles_of_plane(
    read: ReadLabels, size: tuple[int, int], coarser: Any, halve: Callable[[Array], Array]
) -> Iterator[Array]:
    """Yield the tiles of a level, row by row, those at the end padded with 0; fill the next level on the way."""
    height, width = size
    for top, left in product(range(0, height, TILE_PX), range(0, width, _PART_PX)):
        rows, columns = min(TILE_PX, height - top), min(_PART_PX, width - left)
        part = read(top, left, rows, columns)
        if coarser is not None and min(rows, columns) > 1:
            coarser[top // 2 : (top + rows) // 2, left // 2 : (left + columns) // 2] = halve(part)
        yield from _tiles_of_part(part)


def _tiles_of_part(part: Array) -> Iterator[Array]:
    for left in range(0, part.shape[1], TILE_PX):
        tile = part[:, left : left + TILE_PX]
        missing = ((0, TILE_PX - tile.shape[0]), (0, TILE_PX - tile.shape[1]))
        yield np.pad(tile, missing) if missing != ((0, 0), (0, 0)) else np.ascontiguousarray(tile)


def _level_store(file: Path, planes: int, size: tuple[int, int], dtype: DTypeLike) -> list[Any]:
    """Return a compressed array on the disk for each plane, one chunk for what a part becomes."""
    import blosc2

    chunks = (min(TILE_PX // 2, size[0]), min(_PART_PX // 2, size[1]))
    parameters = {"codec": blosc2.Codec.LZ4, "clevel": 5, "nthreads": 1, "filters": [blosc2.Filter.NOFILTER]}
    options: dict[str, Any] = {"mode": "w", "chunks": chunks, "cparams": parameters}
    files = [file.with_name(f"{plane}_{file.name}") for plane in range(planes)]
    return [blosc2.zeros(size, np.dtype(dtype), urlpath=str(place), **options) for place in files]


def _reading(stores: list[Any]) -> ReadPlane:
    def read(plane: int, top: int, left: int, height: int, width: int) -> Array:
        return np.asarray(stores[plane][top : top + height, left : left + width])

    return read
