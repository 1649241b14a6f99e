"""Write tiled pyramids as BigTIFF by hand, where many tiles may share the same bytes.

Directories come first, then the bytes of the tiles, each content once. Libraries write each tile by itself, which for a
slide of 100,000 x 80,000 pixels takes gigabytes.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_SHORT, _LONG, _RATIONAL, _LONG8 = 3, 4, 5, 16
_CODES = {_SHORT: "H", _LONG: "I", _LONG8: "Q"}
_HEADER_BYTES = 16
_JPEG, _YCBCR, _CENTIMETRE, _REDUCED = 7, 6, 3, 1


@dataclass(frozen=True)
class TiledLevel:
    """One image: its size in pixels and, for each tile in rows, the number of its content (rows, columns)."""

    width: int
    height: int
    tiles: NDArray[np.int64]
    """Index into the list of contents; -1 for a tile without bytes."""


def write_big_tiff(
    path: Path,
    levels: Sequence[TiledLevel],
    contents: Sequence[bytes],
    tile_px: int,
    mpp: float | None = None,
    in_sub_directories: bool = False,
) -> None:
    """Write levels of JPEG tiles (YCbCr, 4:2:0), finest first.

    Parameters:
        contents: complete JPEG streams; tiles refer to them by their index.
        mpp: micrometres per pixel of the finest level; None states nothing.
        in_sub_directories: whether the smaller levels are SubIFDs of the first.
    """
    sizes = [_directory_bytes(level, tile_px, mpp, in_sub_directories, levels) for level in levels]
    directories = [int(start) for start in _HEADER_BYTES + np.cumsum([0, *sizes])]
    lengths = np.array([len(content) for content in contents], np.uint64)
    starts = directories[-1] + np.cumsum(lengths) - lengths
    with path.open("wb") as stream:
        stream.write(struct.pack("<2sHHHQ", b"II", 43, 8, 0, _HEADER_BYTES))
        for index, level in enumerate(levels):
            following = 0 if in_sub_directories or index + 1 == len(levels) else directories[index + 1]
            fields = _fields(level, tile_px, mpp * 2**index if mpp else None, index > 0)
            present = level.tiles.ravel() >= 0
            fields[324] = _LONG8, np.where(present, starts[level.tiles.ravel()], 0).tolist()
            fields[325] = _LONG, np.where(present, lengths[level.tiles.ravel()], 0).tolist()
            if in_sub_directories and index == 0 and len(levels) > 1:
                fields[330] = _LONG8, directories[1:-1]
            stream.write(_directory(fields, directories[index], following))
        stream.writelines(contents)


def _fields(level: TiledLevel, tile_px: int, mpp: float | None, is_reduced: bool) -> dict[int, tuple[int, list[int]]]:
    fields = {
        254: (_LONG, [_REDUCED * is_reduced]),
        256: (_LONG, [level.width]),
        257: (_LONG, [level.height]),
        258: (_SHORT, [8, 8, 8]),
        259: (_SHORT, [_JPEG]),
        262: (_SHORT, [_YCBCR]),
        277: (_SHORT, [3]),
        284: (_SHORT, [1]),
        322: (_LONG, [tile_px]),
        323: (_LONG, [tile_px]),
        530: (_SHORT, [2, 2]),
    }
    if mpp is not None:
        per_centimetre = Fraction(10_000 / mpp).limit_denominator(10_000)
        resolution = _RATIONAL, [per_centimetre.numerator, per_centimetre.denominator]
        fields |= {282: resolution, 283: resolution, 296: (_SHORT, [_CENTIMETRE])}
    return fields


def _directory_bytes(
    level: TiledLevel, tile_px: int, mpp: float | None, in_sub_directories: bool, levels: Sequence[TiledLevel]
) -> int:
    """Return how long a directory with its values is."""
    fields = _fields(level, tile_px, mpp, False)
    fields[324], fields[325] = (_LONG8, [0] * level.tiles.size), (_LONG, [0] * level.tiles.size)
    if in_sub_directories and level is levels[0] and len(levels) > 1:
        fields[330] = _LONG8, [0] * (len(levels) - 1)
    return len(_directory(fields, 0, 0))


def _directory(fields: dict[int, tuple[int, list[int]]], position: int, following: int) -> bytes:
    """Return a directory at `position`: entries in the order of their tags, then the values that do not fit in them."""
    values_at = position + 8 + 20 * len(fields) + 8
    entries, values = [], b""
    for tag, (kind, numbers) in sorted(fields.items()):
        code = f"<{len(numbers)}{_CODES.get(kind, 'I')}"
        data, count = struct.pack(code, *numbers), len(numbers) // (2 if kind == _RATIONAL else 1)
        if len(data) > 8:
            entries.append(struct.pack("<HHQQ", tag, kind, count, values_at + len(values)))
            values += data + bytes(-len(data) % 8)
        else:
            entries.append(struct.pack("<HHQ", tag, kind, count) + data.ljust(8, b"\0"))
    return struct.pack("<Q", len(fields)) + b"".join(entries) + struct.pack("<Q", following) + values
