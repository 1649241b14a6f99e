"""Synthetic whole slides of any size in files of a few megabytes, with the true label of each pixel.

A slide is a map of square blocks, each of glass or of one of a few textures of drawn tissue. Equal tiles are stored
once, so that time and file size depend on the number of textures and not on the size of the slide. On request a slide
is damaged as real ones are.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sample_data.big_tiff import TiledLevel, write_big_tiff
from sample_data.domains import EXAMPLE_DOMAINS, StainDomain
from sample_data.randomness import random_stream
from sample_data.staining import stain
from sample_data.tissue import draw_tissue

_GLASS_LEVEL, _GLASS_NOISE = 244, 1.2
_LARGEST_COARSEST_PX = 1024

Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class Damage:
    """What is wrong with a file; tiles of the finest level are named by (column, row)."""

    zeroed_tiles: tuple[tuple[int, int], ...] = ()
    """Tiles whose bytes are zeros: reading them fails."""
    missing_tiles: tuple[tuple[int, int], ...] = ()
    """Tiles of length zero: some libraries read them without an error."""
    kept_share: float = 1.0
    """Share of the file's bytes that is kept; the rest is cut off."""


@dataclass(frozen=True)
class PyramidSettings:
    """Settings of a slide. The same settings always give the same file."""

    width: int
    height: int
    mpp: float | None = 0.5
    """Micrometres per pixel that the file states; None states nothing."""
    textures: int = 2
    drawn_px: int = 256
    """Edge of the drawn tissue; mirrored, it continues without seams."""
    block_px: int = 4096
    """Edge of the blocks of glass or tissue; a multiple of twice `drawn_px` and of `tile_px`, best powers of two."""
    tile_px: int = 256
    glass_share: float = 0.4
    """Chance of a block to be glass."""
    jpeg_quality: int = 85
    seed: int = 0
    domain: StainDomain = EXAMPLE_DOMAINS[0]
    in_sub_directories: bool = False
    """Whether the smaller levels are SubIFDs, which OpenSlide does not see."""
    damage: Damage = field(default_factory=Damage)

    def __post_init__(self) -> None:
        edges = sorted((2 * self.drawn_px, self.tile_px))
        if self.block_px % edges[1] or edges[1] % edges[0] or self.tile_px % 16:
            raise ValueError(
                f"blocks of {self.block_px} px, drawn {self.drawn_px}, tiles {self.tile_px}: expected a block that is a"
                " multiple of twice the drawn edge and of the tile, of which one is a multiple of the other, and tiles"
                " that are a multiple of 16"
            )
        if not 1 <= self.textures <= 250 or min(self.width, self.height) < 1:
            raise ValueError(f"{self.width} x {self.height} px, {self.textures} textures: expected 1 or more (250)")


class SyntheticSlide:
    """What a slide shows: which block is what, and the true labels. Textures are numbered from 1, glass is 0."""

    def __init__(self, settings: PyramidSettings):
        self.settings = settings
        rows, columns = -(-settings.height // settings.block_px), -(-settings.width // settings.block_px)
        rng = random_stream(settings.seed, "blocks")
        tissue = rng.integers(1, settings.textures + 1, (rows, columns), dtype=np.uint8)
        tissue[rng.random((rows, columns)) < settings.glass_share] = 0
        if not tissue.any():
            tissue[rows // 2, columns // 2] = 1
        self.blocks: Labels = tissue

    def labels(self, x: int, y: int, width: int, height: int) -> Labels:
        """Return the true labels (height, width) of a window of the finest level: 0 background, 1 tumour, 2 stroma."""
        return self._window([labels for _, labels in self._textures], x, y, width, height)

    def pixels(self, x: int, y: int, width: int, height: int) -> Labels:
        """Return the pixels (height, width, 3) of a window of the finest level before they become JPEG."""
        return self._window([pixels for pixels, _ in self._textures], x, y, width, height)

    def period(self, texture: int) -> Labels:
        """Return the pixels (2 * drawn_px, 2 * drawn_px, 3) of which a texture is a repetition; 0 is glass."""
        return self._textures[texture][0]

    @cached_property
    def _textures(self) -> list[tuple[Labels, Labels]]:
        """Pixels and labels of glass and of each texture, one period each."""
        edge = 2 * self.settings.drawn_px
        noise = random_stream(self.settings.seed, "glass").normal(_GLASS_LEVEL, _GLASS_NOISE, (edge, edge, 1))
        glass = np.repeat(np.clip(np.rint(noise), 0, 255).astype(np.uint8), 3, axis=2)
        drawn = [self._drawn(number) for number in range(1, self.settings.textures + 1)]
        return [(glass, np.zeros((edge, edge), np.uint8)), *drawn]

    def _drawn(self, number: int) -> tuple[Labels, Labels]:
        rng = random_stream(self.settings.seed, f"texture {number}")
        tissue = draw_tissue(rng, (self.settings.drawn_px,) * 2, self.settings.domain.mix)
        return _mirrored(stain(tissue, self.settings.domain, rng)), _mirrored(tissue.labels)

    def _window(self, periods: list[Labels], x: int, y: int, width: int, height: int) -> Labels:
        rows, columns = np.arange(y, y + height), np.arange(x, x + width)
        stack = np.stack(periods)
        which = self.blocks[np.ix_(rows // self.settings.block_px, columns // self.settings.block_px)]
        edge = stack.shape[1]
        return stack[which, (rows % edge)[:, None], (columns % edge)[None]]


def write_pyramid(path: Path, settings: PyramidSettings) -> SyntheticSlide:
    """Write a slide as a tiled pyramid whose levels halve until the larger side has at most 1024 pixels."""
    slide = SyntheticSlide(settings)
    tiles = _Tiles(settings.tile_px, settings.jpeg_quality)
    levels = list(_levels(slide, tiles))
    _damage_tiles(levels[0], tiles, settings.damage)
    write_big_tiff(path, levels, tiles.contents, settings.tile_px, settings.mpp, settings.in_sub_directories)
    if settings.damage.kept_share < 1:
        with path.open("r+b") as stream:
            stream.truncate(int(path.stat().st_size * settings.damage.kept_share))
    return slide


class _Tiles:
    """Encoded tiles, each content once."""

    def __init__(self, edge: int, quality: int):
        self.edge = edge
        self.contents: list[bytes] = []
        self._quality = quality
        self._numbers: dict[bytes, int] = {}

    def numbers_of(self, image: Labels) -> NDArray[np.int64]:
        """Return the numbers (rows, columns) of the tiles that an image (H, W, 3) is cut into; its rim is continued."""
        height, width = image.shape[:2]
        padded = np.pad(image, ((0, -height % self.edge), (0, -width % self.edge), (0, 0)), mode="edge")
        rows, columns = padded.shape[0] // self.edge, padded.shape[1] // self.edge
        parts = padded.reshape(rows, self.edge, columns, self.edge, 3).swapaxes(1, 2)
        return np.array([[self._number(parts[row, column]) for column in range(columns)] for row in range(rows)])

    def add(self, content: bytes) -> int:
        """Add bytes that no other tile shares."""
        self.contents.append(content)
        return len(self.contents) - 1

    def _number(self, pixels: Labels) -> int:
        key = pixels.tobytes()
        if key not in self._numbers:
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "JPEG", quality=self._quality, subsampling=2)
            self._numbers[key] = self.add(buffer.getvalue())
        return self._numbers[key]


def _levels(slide: SyntheticSlide, tiles: _Tiles) -> Iterator[TiledLevel]:
    """Yield levels from shared tiles while a block is at least a tile, then from one image."""
    settings = slide.settings
    width, height, block = settings.width, settings.height, settings.block_px
    periods = [slide.period(number) for number in range(settings.textures + 1)]
    image: Labels | None = None
    while True:
        if image is None:
            numbers = _placed(slide.blocks, np.stack([_block_tiles(tiles, period, block) for period in periods]))
        else:
            numbers = tiles.numbers_of(image)
        rows, columns = -(-height // tiles.edge), -(-width // tiles.edge)
        yield TiledLevel(width, height, numbers[:rows, :columns])
        if max(width, height) <= _LARGEST_COARSEST_PX:
            return
        if image is None and (block <= tiles.edge or periods[0].shape[0] % 2):
            image = _composed(slide.blocks, [_repeated(period, block) for period in periods])
        width, height, block = width // 2, height // 2, block // 2
        periods = [_halved(period) for period in periods]
        image = None if image is None else _halved(image)[:height, :width]


def _block_tiles(tiles: _Tiles, period: Labels, block: int) -> NDArray[np.int64]:
    """Return the tile numbers (rows, columns) of a block that repeats a texture."""
    edge = max(period.shape[0], tiles.edge)
    times = block // edge
    return np.tile(tiles.numbers_of(_repeated(period, edge)), (times, times))


def _placed(blocks: Labels, of_texture: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the tile numbers of a slide from those of each texture (textures, rows, columns)."""
    placed = of_texture[blocks]
    rows, columns, tile_rows, tile_columns = placed.shape
    return placed.swapaxes(1, 2).reshape(rows * tile_rows, columns * tile_columns)


def _composed(blocks: Labels, textures: list[Labels]) -> Labels:
    rows = [np.concatenate([textures[number] for number in row], axis=1) for row in blocks]
    return np.concatenate(rows)


def _damage_tiles(level: TiledLevel, tiles: _Tiles, damage: Damage) -> None:
    for column, row in damage.zeroed_tiles:
        level.tiles[row, column] = tiles.add(bytes(len(tiles.contents[level.tiles[row, column]])))
    for column, row in damage.missing_tiles:
        level.tiles[row, column] = -1


def _mirrored(image: Labels) -> Labels:
    """Return an image with its mirror images, which continues itself on all sides."""
    wide = np.concatenate([image, image[:, ::-1]], axis=1)
    return np.concatenate([wide, wide[::-1]])


def _repeated(period: Labels, edge: int) -> Labels:
    times = edge // period.shape[0]
    return np.tile(period, (times, times, 1))


def _halved(image: Labels) -> Labels:
    """Return the means of 2 x 2 pixels; an odd last row or column is left out."""
    height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    even = image[:height, :width].astype(np.uint16)
    return ((even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2] + 2) // 4).astype(np.uint8)
