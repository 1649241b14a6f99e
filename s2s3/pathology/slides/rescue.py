"""Read a view of a slide whatever is damaged: again, with a second library, from another level, or as white.

Nothing that was not read as usual goes unnoticed: each pixel has a state, and each damaged part a line.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from enum import IntEnum
from functools import cached_property, partial

import numpy as np

from nnunetv2.errors import DriftError, SlideError, UnreadableSlideError
from nnunetv2.pathology.slides.geometry import Box, cells_of, choose_level, next_levels, regrid
from nnunetv2.pathology.slides.mask_boxes import boxes_of
from nnunetv2.pathology.slides.reader_choice import opening, second_readers
from nnunetv2.pathology.slides.slide import Slide, open_slide
from nnunetv2.pathology.slides.slide_block import Block, DamagedPart, PixelState, block_of, failed, joined
from nnunetv2.pathology.slides.slide_reader import Pixels, SlideReader, Valid
from nnunetv2.pathology.slides.slide_source import SlideSource
from nnunetv2.pathology.slides.view import ReadLevel, SlideView, blank
from nnunetv2.pathology.slides.watched_reader import WatchedReader, within

SUB_BLOCK_PX = 256
"""Edge of the parts of a damaged block that are rescued one by one, in view pixels on a grid from (0, 0)."""
LEAST_LOSS_PX = 32
"""Edge of the smallest parts of a resampled view that are lost together, as each costs a failed read."""
BACK_OFF_S = (1.0, 5.0, 30.0)
"""Waits for a file that has vanished, as on a network share."""
_LOST = "reading it hangs or ends the reader process"


class Step(IntEnum):
    """Where reading starts; later steps are for what makes reader processes hang or die."""

    USUAL = 0
    SECOND_READER = 1
    OTHER_LEVEL = 2
    WHITE = 3


class RescuingView:
    """A view in which every box can be read. Use as a context manager.

    Parameters:
        timeout_s: how long opening the slide, and each read, may take; None: any time, in reader processes, which
            others watch.
    """

    def __init__(self, source: SlideSource, timeout_s: float | None = None):
        self._source, self._timeout_s = source, timeout_s
        self.slide: Slide = open_slide(source.path, source.reader, source.slide_mpp, timeout_s, source.icc)
        try:
            self.view = _view_of(self.slide, source)
        except DriftError:
            self.slide.close()
            raise

    def read(self, box: Box, start: Step = Step.USUAL) -> Block:
        """Return a box that lies within the view, from the first step on that succeeds.

        Raises UnreadableSlideError only if the file itself has vanished.
        """
        if start == Step.USUAL:
            try:
                return block_of(box, *self._read_twice(box))
            except SlideError:
                wait_for(self._source.path, self._timeout_s)
        if start == Step.WHITE:
            return failed(box, _LOST)
        return joined(box, (self._rescued(part, start) for part in cells_of(box, SUB_BLOCK_PX)))

    def rest(self) -> None:
        """Close all readers of the slide until they are read again, if reading is watched here."""
        for slide in (self.slide, vars(self).get("_second")):  # the second one, if it was opened
            if slide is not None and isinstance(slide.reader, WatchedReader):
                slide.reader.rest()

    def close(self) -> None:
        """Close all readers of the slide."""
        self.slide.close()
        second = vars(self).get("_second")  # not opened here
        if second is not None:
            second.close()

    def __enter__(self) -> "RescuingView":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_twice(self, box: Box) -> tuple[Pixels, Valid]:
        """Read once more after an error, which opens the file anew."""
        try:
            return self._read(self.view, box)
        except SlideError:
            return self._read(self.view, box)

    def _rescued(self, part: Box, start: Step) -> Block:
        reasons = []
        for state, view in self._ways(start):
            try:
                pixels, valid = self._read(view, part)
            except SlideError as error:
                reasons.append(str(error).removeprefix(f"{self._source.path}: "))
                continue
            damaged = (DamagedPart(part, state, (reasons or [_LOST])[0]),) if state == PixelState.RESCUED else ()
            return block_of(part, pixels, valid, state, damaged)
        message = (reasons or [_LOST])[0]
        if start == Step.USUAL and not self.view.grid.is_level:
            return self._partly(part, message)
        return failed(part, message)

    def _partly(self, part: Box, message: str) -> Block:
        """Return what can be read of a part of a resampled view, of which one damaged tile would cost all."""
        grid = self.view.grid
        edge = max(SUB_BLOCK_PX, round(LEAST_LOSS_PX * max(grid.factor_x, grid.factor_y)))
        pixels, valid = self._read(SlideView(self.slide.levels, partial(_whatever, self.slide.read, edge), grid), part)
        lost = boxes_of(~valid, part.x, part.y)
        return Block(
            part,
            pixels,
            np.where(valid, np.uint8(PixelState.READ), np.uint8(PixelState.FAILED)),
            tuple(DamagedPart(box, PixelState.FAILED, message) for box in lost),
        )

    def _ways(self, start: Step) -> Iterator[tuple[PixelState, SlideView]]:
        """Yield views of the same grid: by the first library, the second one, from the next finer and coarser level."""
        if start <= Step.USUAL:
            yield PixelState.READ, self.view
        if start <= Step.SECOND_READER and self._second is not None:
            grid = self.view.grid
            level = choose_level(self._second.levels, 1.0, max(grid.scale_x, grid.scale_y))
            yield PixelState.READ, SlideView(self._second.levels, self._second.read, regrid(grid, level))
        for level in next_levels(self.slide.levels, self.slide.levels[self.view.grid.level]):
            yield PixelState.RESCUED, SlideView(self.slide.levels, self.slide.read, regrid(self.view.grid, level))

    @cached_property
    def _second(self) -> Slide | None:
        """The slide opened with another library that sees the same finest level."""
        for name in second_readers(self._source.path, self.slide.reader.name):
            try:
                opened, colours = self._opened_by(name), self.slide.colours
                other = Slide(self.slide.path, opened, self._source.slide_mpp, colours=colours)
            except DriftError:
                continue
            if other.size == self.slide.size and other.origin == self.slide.origin:
                return other
            other.close()
        return None

    def _opened_by(self, library: str) -> SlideReader:
        """Open the slide with another library, watched as the first one is."""
        path, timeout_s = self.slide.path, self._timeout_s
        reader = within(timeout_s, "opening it", lambda: opening(library, path))
        return reader if timeout_s is None else WatchedReader(reader, lambda: opening(library, path), timeout_s)

    @staticmethod
    def _read(view: SlideView, box: Box) -> tuple[Pixels, Valid]:
        return view.read(box.x, box.y, box.width, box.height)


def _view_of(slide: Slide, source: SlideSource) -> SlideView:
    if source.mpp is None:
        return slide.finest_view()
    return slide.view(source.mpp, source.allow_upsampling)


def _whatever(read: ReadLevel, edge: int, level: int, box: Box) -> tuple[Pixels, Valid]:
    """Return what can be read of a box of a level, in squares on a grid from (0, 0); the others are white."""
    pixels, valid = blank(box)
    for cell in cells_of(box, edge):
        target = np.s_[cell.y - box.y : cell.bottom - box.y, cell.x - box.x : cell.right - box.x]
        with suppress(SlideError):
            pixels[target], valid[target] = read(level, cell)
    return pixels, valid


def wait_for(path: str, timeout_s: float | None = None) -> None:
    """Wait for a file that has vanished; raise UnreadableSlideError if it does not come back.

    Parameters:
        timeout_s: how long a network share may take to say whether it is there; None: any time.
    """
    for seconds in (*BACK_OFF_S, None):
        try:
            within(timeout_s, f"{path}: looking for it", lambda: os.stat(path))
            return
        except OSError as error:
            if seconds is None:
                raise UnreadableSlideError(f"{path}: vanished while it was read ({error.strerror})") from None
            time.sleep(seconds)
