"""The pixels of a view for rows of tiles: fixed blocks, read ahead in the order of need, kept while they are needed."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import numpy as np

from nnunetv2.foundation.freed_memory import return_kept_memory, zeros_apart
from nnunetv2.pathology.prediction.kept_blocks import KeptBlocks, Key
from nnunetv2.pathology.prediction.slide_normalisation import Pixels
from nnunetv2.pathology.slides.geometry import Box, cells_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from nnunetv2.pathology.slides.rescue import Block

ReadBlocks = Callable[[Sequence[Box]], "Generator[Block, None, None]"]
"""Yields the blocks of a view in the order of their boxes."""


class BlockRows:
    """A window of the view that moves down.

    Parameters:
        width, height: of the view.
        edge: of the blocks, which lie on a grid from (0, 0).
        read_blocks: reads blocks, perhaps ahead in other processes.
        on_block: called with each block once it is read.
        store: keeps blocks that are needed again later; None: they are read again.
    """

    def __init__(
        self,
        width: int,
        height: int,
        edge: int,
        read_blocks: ReadBlocks,
        on_block: Callable[["Block"], None],
        store: KeptBlocks | None = None,
    ):
        self._size = width, height
        self._edge = edge
        self._read_blocks = read_blocks
        self._on_block = on_block
        self._store = store
        self._kept: dict[Key, Pixels] = {}
        self._coming: Iterator[Block] = iter(())
        self._awaited: set[Key] = set()
        self._stored: set[Key] = set()
        self._again: set[Key] = set()
        self._readings: Counter[Key] = Counter()

    @contextmanager
    def reading(self, windows: Sequence[Box], later: Sequence[Box] = ()) -> Iterator[None]:
        """Read ahead, in this context, the blocks that windows inside the view need, in the order of the windows.

        Parameters:
            later: windows that are asked for when this context has ended.
        """
        self._readings = self._readings_in(windows)
        keys = self._readings.keys()
        if self._store is not None:
            self._stored = {key for key in keys if key in self._store}
            self._again = self._readings_in(later).keys() & keys
        self._awaited = set(keys) - self._stored
        with closing(self._read_blocks([self._box(*key) for key in keys if key in self._awaited])) as self._coming:
            yield
        self._kept.clear()

    def read(self, window: Box) -> Pixels:
        """Return the pixels (h, w, 3) of a window inside the view; blocks that nobody expected are read at once.

        A block is let go of with the last of the expected windows that need it.
        """
        pixels = np.empty((window.height, window.width, 3), np.uint8)
        for part in cells_of(window, self._edge):
            key = part.x // self._edge, part.y // self._edge
            block = self._block(*key)
            x, y = part.x % self._edge, part.y % self._edge
            target = np.s_[part.y - window.y : part.bottom - window.y, part.x - window.x : part.right - window.x]
            pixels[target] = block[y : y + part.height, x : x + part.width]
            self._readings[key] -= 1
            if not self._readings[key]:
                del self._kept[key]
        return pixels

    def forget_above(self, row: int) -> None:
        """Let go of blocks that end above a row of the view: those that were read once more."""
        self._kept = {key: block for key, block in self._kept.items() if (key[1] + 1) * self._edge > row}

    def _readings_in(self, windows: Sequence[Box]) -> Counter[Key]:
        """Return how many windows need a block, for each, in the order of need."""
        parts = (part for window in windows for part in cells_of(window, self._edge))
        return Counter((part.x // self._edge, part.y // self._edge) for part in parts)

    def _box(self, column: int, row: int) -> Box:
        return Box(column * self._edge, row * self._edge, self._edge, self._edge).within(*self._size)

    def _block(self, column: int, row: int) -> Pixels:
        key = column, row
        if key not in self._kept:
            return_kept_memory()  # what reading takes does not fit between what the tiles left, and the reverse
            while key not in self._kept:
                self._fetch(key)
            return_kept_memory()
        return self._kept[key]

    def _fetch(self, key: Key) -> None:
        """Take the block, or the next one that comes."""
        if key in self._stored:
            self._take(key)
        elif key in self._awaited:
            block = next(self._coming)
            self._on_block(block)
            self._enter(block)
        else:  # read before, and forgotten since: a band is summed once more
            (block,) = self._read_blocks([self._box(*key)])
            self._enter(block)

    def _enter(self, block: "Block") -> None:
        key = block.box.x // self._edge, block.box.y // self._edge
        self._awaited.discard(key)
        self._keep(key, block.pixels)
        if self._store is not None and key in self._again and key not in self._store:
            self._store.keep(key, block.pixels)

    def _take(self, key: Key) -> None:
        """Use a block that was stored, unless it is damaged; it goes if nobody needs it later."""
        assert self._store is not None
        box = self._box(*key)
        pixels = self._store.read(key, box.height, box.width)
        self._stored.discard(key)
        if pixels is not None:
            self._keep(key, pixels)
        if pixels is None or key not in self._again:
            self._store.forget(key)

    def _keep(self, key: Key, pixels: Pixels) -> None:
        """Keep a block apart from the arrays that come and go with each tile."""
        self._kept[key] = zeros_apart(pixels.shape, pixels.dtype)
        self._kept[key][...] = pixels
