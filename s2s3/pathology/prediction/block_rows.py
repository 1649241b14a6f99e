"""The pixels of a view for rows of tiles: fixed blocks, read ahead in the order of need, kept while they are needed."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnunetv2.foundation.freed_memory import return_kept_memory, zeros_apart
from nnunetv2.pathology.prediction.kept_blocks import KeptBlocks, Key
from nnunetv2.pathology.prediction.slide_normalisation import Pixels
from nnunetv2.pathology.slides.geometry import Box, cells_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from nnunetv2.pathology.slides.slide_block import Block

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
        self._kept: dict[Key, _Part] = {}
        self._coming: Iterator[Block] = iter(())
        self._awaited: set[Key] = set()
        self._stored: set[Key] = set()
        self._again: set[Key] = set()
        self._needs: dict[Key, _Need] = {}
        self._window = np.empty((0, 0, 3), np.uint8)

    @contextmanager
    def reading(self, windows: Sequence[Box], later: Sequence[Box] = ()) -> Iterator[None]:
        """Read ahead, in this context, the blocks that windows inside the view need, in the order of the windows.

        Parameters:
            later: windows that are asked for when this context has ended.
        """
        self._needs = self._needs_of(windows)
        keys = list(self._needs)
        if self._store is not None:
            self._stored = {key for key in keys if key in self._store}
            self._again = self._needs_of(later).keys() & set(keys)
        self._awaited = set(keys) - self._stored
        with closing(self._read_blocks([self._box(*key) for key in keys if key in self._awaited])) as self._coming:
            yield
        self._kept.clear()

    def read(self, window: Box) -> Pixels:
        """Return the pixels (h, w, 3) of a window inside the view, which stay as they are until the next one is read.

        Blocks that nobody expected are read at once. A block is let go of with the last expected window that needs it.
        """
        pixels = self._room_for(window)
        for part in cells_of(window, self._edge):
            key = part.x // self._edge, part.y // self._edge
            target = np.s_[part.y - window.y : part.bottom - window.y, part.x - window.x : part.right - window.x]
            need = self._need(key, part)
            pixels[target] = self._part(key).of(part)
            need.windows -= 1
            if not need.windows:
                del self._kept[key]
        return pixels

    def forget_above(self, row: int) -> None:
        """Let go of blocks that end above a row of the view: those that were read once more."""
        self._kept = {key: block for key, block in self._kept.items() if (key[1] + 1) * self._edge > row}

    def _room_for(self, window: Box) -> Pixels:
        """Return memory for the pixels of a window, that of the last one if they are equally large."""
        shape = window.height, window.width, 3
        if self._window.shape != shape:
            self._window = zeros_apart(shape, np.uint8)
        return self._window

    def _needs_of(self, windows: Sequence[Box]) -> "dict[Key, _Need]":
        """Return what windows need of each block, in the order of need."""
        needs: dict[Key, _Need] = {}
        for part in (part for window in windows for part in cells_of(window, self._edge)):
            need = needs.setdefault((part.x // self._edge, part.y // self._edge), _Need(part))
            need.box = need.box.around(part)
            need.windows += 1
        return needs

    def _need(self, key: Key, part: Box) -> "_Need":
        """Return what is needed of a block: all of it if nobody expected that this part is."""
        need = self._needs.setdefault(key, _Need(self._box(*key)))
        if not need.box.contains(part):
            need.box = self._box(*key)
            self._kept.pop(key, None)
        return need

    def _box(self, column: int, row: int) -> Box:
        return Box(column * self._edge, row * self._edge, self._edge, self._edge).within(*self._size)

    def _part(self, key: Key) -> "_Part":
        """Return what is needed of a block, read if it is not kept."""
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
            return_kept_memory()
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
        """Keep what is needed of a block, apart from the arrays that come and go with each tile."""
        whole, box = self._box(*key), self._needs[key].box
        part = _Part(box, zeros_apart((box.height, box.width, pixels.shape[2]), pixels.dtype))
        part.pixels[...] = _Part(whole, pixels).of(box)
        self._kept[key] = part


@dataclass
class _Need:
    """What windows need of a block."""

    box: Box
    """Around all parts of it that lie in windows."""
    windows: int = 0
    """That will be read and need it."""


@dataclass(frozen=True, eq=False)
class _Part:
    """The pixels (h, w, 3) of a box of the view."""

    box: Box
    pixels: Pixels

    def of(self, box: Box) -> Pixels:
        """Return those of a box that lies within."""
        top, left = box.y - self.box.y, box.x - self.box.x
        return self.pixels[top : top + box.height, left : left + box.width]
