"""Which tiles of a slide become training images: a grid over the slide, and a choice among those that show enough."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import floor

import numpy as np

from nnunetv2.pathology.slides.geometry import Box

_ROUNDING = 1e-9


@dataclass(frozen=True)
class TileFacts:
    """A tile and what it shows, as shares of its pixels."""

    box: Box
    """In pixels of the view."""
    tissue: float
    labels: Mapping[int, float]
    """Label -> share, of the labels that it shows."""
    has_foreground: bool


def tile_boxes(width: int, height: int, tile: int, stride: int) -> Iterator[Box]:
    """Yield the tiles of a view, row by row.

    The last row and column are moved inwards, so that tiles cover the view and never reach over it. A view smaller
    than a tile is one tile of its own size.
    """
    for y in _starts(height, tile, stride):
        for x in _starts(width, tile, stride):
            yield Box(x, y, tile, tile).within(width, height)


def choose_tiles(
    tiles: Sequence[TileFacts], background_share: float, most: int | None, random: np.random.Generator
) -> list[TileFacts]:
    """Return the tiles to write, in their order.

    All tiles with foreground are taken, and so many others at random that these are no more than `background_share` of
    all; of a slide without any foreground, this share of its tiles. If that is more than `most`, tiles spread evenly
    over the slide are kept, among them no larger share without foreground.
    """
    foreground = [tile for tile in tiles if tile.has_foreground]
    others = [tile for tile in tiles if not tile.has_foreground]
    wanted = _background_tiles(len(foreground), len(others), background_share)
    picked = [others[number] for number in sorted(random.permutation(len(others))[:wanted])]
    if most is not None and len(foreground) + len(picked) > most:
        picked = spread(picked, floor(most * len(picked) / (len(foreground) + len(picked)) + _ROUNDING))
        foreground = spread(foreground, most - len(picked))
    return sorted([*foreground, *picked], key=lambda tile: (tile.box.y, tile.box.x))


def spread(tiles: Sequence[TileFacts], count: int) -> list[TileFacts]:
    """Return `count` tiles far from each other: the most central one, then always the one farthest from those chosen.

    Equally far tiles are taken in their order.
    """
    if count >= len(tiles):
        return list(tiles)
    corners = np.array([(tile.box.x, tile.box.y) for tile in tiles], np.float64)
    distances = _squared(corners, corners.mean(axis=0))
    chosen: list[int] = []
    following = int(distances.argmin())
    distances = np.full(len(tiles), np.inf)
    while len(chosen) < count:
        chosen.append(following)
        distances = np.minimum(distances, _squared(corners, corners[following]))
        following = int(distances.argmax())
    return [tiles[number] for number in sorted(chosen)]


def slide_random(name: str, seed: int) -> np.random.Generator:
    """Return the random numbers of a slide, which do not depend on other slides."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def _starts(length: int, tile: int, stride: int) -> list[int]:
    last = max(0, length - tile)
    starts = list(range(0, last + 1, stride))
    return starts if starts[-1] == last else [*starts, last]


def _background_tiles(foreground: int, others: int, share: float) -> int:
    if share == 1:
        return others
    if not foreground:
        return floor(others * share + _ROUNDING) or int(others > 0 < share)
    return min(others, floor(foreground * share / (1 - share) + _ROUNDING))


def _squared(corners: np.ndarray, corner: np.ndarray) -> np.ndarray:
    squared: np.ndarray = ((corners - corner) ** 2).sum(axis=1)
    return squared
