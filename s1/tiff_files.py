"""Read TIFF files as viewers show them: zero is white, colour tables, few bits per value, orientation."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s1.claimed_size import DEFLATED, STORED_PLAINLY, check_claimed_size
from s1.errors import UnfitImageError
from s1.orientation import ORIENTATION_TAG, UPRIGHT, as_shown, known_orientation, shown_size
from s1.picture import COLOUR_CHANNELS, Picture, one_value_a_pixel, require_label_palette, without_alpha
from s1.tiff_parts import JPEG, check_parts

PathLike = str | os.PathLike[str]

_PHOTOMETRIC_TAG = 262
_PREMULTIPLIED = 1
_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_READABLE = ("MINISBLACK", "MINISWHITE", "RGB", "PALETTE")
_COLOUR_SPACES = {"SEPARATED": "colours for print (CMYK)"}
_MOST_PER_BYTE = {
    "NONE": STORED_PLAINLY,
    "PACKBITS": 64,
    "ADOBE_DEFLATE": DEFLATED,
    "DEFLATE": DEFLATED,
    "LZW": 4096,
}
"""Compression -> most bytes that one byte can become."""
CHECKED_CODINGS = (*_MOST_PER_BYTE, *JPEG)
"""Compressions whose parts are known to be no larger than the header of the file says."""


def is_tiff(path: PathLike) -> bool:
    """Return whether a file is a TIFF file, by its ending or by its first bytes."""
    if os.fspath(path).lower().endswith((".tif", ".tiff")):
        return True
    with open(path, "rb") as stream:
        return stream.read(4) in _MAGIC


def tiff_size(path: PathLike, decodes_all: bool = True) -> tuple[int, int]:
    """Return height and width as shown, from the file's header; see opened_tiff."""
    with opened_tiff(path, decodes_all) as series:
        empty = _colours_last(np.broadcast_to(np.uint8(0), series.shape))
        if empty.ndim != 2 and not (empty.ndim == 3 and empty.shape[-1] in COLOUR_CHANNELS):
            raise UnfitImageError(f"{path}: array of shape {series.shape}; expected a 2D image")
        height, width = empty.shape[:2]
        return shown_size(height, width, _orientation(series))


def tiff_compression(path: PathLike) -> str:
    """Return how the parts of the file are compressed, as tifffile names it: NONE, LZW, ADOBE_DEFLATE, JPEG, ..."""
    with opened_tiff(path) as series:
        return str(series.keyframe.compression.name)


def read_tiff(path: PathLike) -> Picture:
    """Read a 2D image as shown; colours may be on the first or the last axis. More axes are returned as they are.

    Raises UnfitImageError for colour spaces other than grey and RGB and for colours that were multiplied by an alpha
    below 1, or what tifffile does for damaged files.
    """
    with opened_tiff(path) as series:
        pixels = _shown_values(series, path)
        if _photometric(series) == "PALETTE":
            pixels = _resolved(pixels, series.keyframe.colormap)
        pixels = _colours_last(pixels)
        if _PREMULTIPLIED in series.keyframe.extrasamples:
            without_alpha(pixels, path)
        return _turned(pixels, series)


def read_tiff_labels(path: PathLike) -> Picture:
    """Read labels (H, W), or the indices of a colour table. Raises UnfitImageError for files that leave a doubt."""
    with opened_tiff(path) as series:
        _require_plain_labels(series, path)
        labels = one_value_a_pixel(_colours_last(series.asarray(maxworkers=1)), path)
        if _photometric(series) == "PALETTE":
            require_label_palette(_as_8_bits(series.keyframe.colormap).T, labels, path)
        return _turned(labels, series)


def read_tiff_stack(path: PathLike, is_label: bool = False) -> NDArray[Any]:
    """Read an array as stored, whatever its axes; where zero is white, images are inverted and labels refused.

    A colour table is only how a program displays one channel, so the indices are returned.
    """
    with opened_tiff(path) as series:
        if _orientation(series) != UPRIGHT:
            raise UnfitImageError(f"{path}: a stack with an orientation tag; save it without")
        if not is_label:
            return _shown_values(series, path)
        _require_plain_labels(series, path)
        return np.asarray(series.asarray(maxworkers=1))


@contextmanager
def opened_tiff(path: PathLike, decodes_all: bool = True) -> Iterator[Any]:
    """Yield the first image of the file, or the first stack of images of equal shape, after checks of its sizes.

    Parameters:
        decodes_all: whether the whole image has to fit into memory.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        page: Any = series.keyframe
        is_sparse = 0 in page.databytecounts
        most = None if is_sparse else _MOST_PER_BYTE.get(page.compression.name)
        check_claimed_size(path, series.shape, _bits(series) / 8, most, decodes_all)
        check_parts(file, file.series[0].pages, path)
        yield series


def _bits(series: Any) -> int:
    """Return the bits of a value in the file; of some codings, tifffile returns more."""
    bits = series.keyframe.bitspersample
    return int(min(bits)) if isinstance(bits, tuple) else int(bits)


def _photometric(series: Any) -> str:
    """Return the name of the meaning of the values; without this tag, 0 is black."""
    page = series.keyframe
    return str(page.photometric.name) if _PHOTOMETRIC_TAG in page.tags else "MINISBLACK"


def _shown_values(series: Any, path: PathLike) -> NDArray[Any]:
    """Return the values as stored, or inverted where zero is white, and spread to 8 bits if they have fewer."""
    photometric = _photometric(series)
    is_converted = photometric == "YCBCR" and series.keyframe.compression.name in JPEG  # by the decoder
    if photometric not in _READABLE and not is_converted:
        kind = _COLOUR_SPACES.get(photometric, f"values of the kind {photometric}")
        raise UnfitImageError(f"{path}: {kind}, expected RGB or grey; save it as RGB")
    pixels: NDArray[Any] = series.asarray(maxworkers=1)
    if photometric == "MINISWHITE":
        pixels = _inverted(pixels, _bits(series), path)
    few_bits = photometric != "PALETTE" and pixels.dtype == np.uint8 and 1 < _bits(series) < 8
    return np.round(pixels * (255 / (2 ** _bits(series) - 1))).astype(np.uint8) if few_bits else pixels


def _inverted(pixels: NDArray[Any], bits: int, path: PathLike) -> NDArray[Any]:
    if pixels.dtype.kind == "b":
        return ~pixels
    if pixels.dtype.kind != "u":
        raise UnfitImageError(f"{path}: 0 is white, but the values are {pixels.dtype}; save it with 0 as black")
    return np.subtract(pixels.dtype.type(2**bits - 1), pixels)


def _require_plain_labels(series: Any, path: PathLike) -> None:
    if _photometric(series) == "MINISWHITE":
        raise UnfitImageError(
            f"{path}: a tag says that 0 is white, so viewers show other values than the file holds, and it is not clear"
            " which of them are the labels; save it with 0 as black (photometric minisblack)"
        )
    if series.keyframe.compression.name in JPEG:
        raise UnfitImageError(f"{path}: is compressed as JPEG, which changes the values of labels; use zlib or LZW")
    if _photometric(series) in _COLOUR_SPACES:
        raise UnfitImageError(f"{path}: {_COLOUR_SPACES[_photometric(series)]}, expected one label per pixel")


def _resolved(indices: NDArray[Any], colormap: NDArray[Any]) -> NDArray[Any]:
    """Return the colours (..., 3), or the indices themselves if each is shown as the grey of its own value."""
    colours = _as_8_bits(colormap)
    if colours.shape[1] == 256 and (colours == np.arange(256)).all():
        return indices
    return np.moveaxis(colours.take(indices, axis=1, mode="clip"), 0, -1)


def _as_8_bits(colormap: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a colour table (3, n) with 8 bits; some programs store 8 bits where 16 belong."""
    return (colormap if colormap.max(initial=0) < 256 else colormap >> 8).astype(np.uint8)


def _colours_last(pixels: NDArray[Any]) -> NDArray[Any]:
    first = pixels.ndim > 2 and pixels.shape[-1] not in COLOUR_CHANNELS and pixels.shape[-3] in COLOUR_CHANNELS
    return np.moveaxis(pixels, -3, -1) if first else pixels


def _orientation(series: Any) -> int:
    tag = series.keyframe.tags.get(ORIENTATION_TAG)
    return known_orientation(tag.value) if tag else UPRIGHT


def _turned(pixels: NDArray[Any], series: Any) -> Picture:
    """Return the picture as shown; stacks of pages, which have more axes, are refused by whoever wants one image."""
    orientation = _orientation(series)
    return Picture(as_shown(pixels, orientation) if pixels.ndim in (2, 3) else pixels, orientation)
