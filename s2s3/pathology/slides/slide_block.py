"""A part of a view as it was read: its pixels, how each was read, and what was damaged."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from nnunetv2.pathology.slides.geometry import Box
from nnunetv2.pathology.slides.slide_reader import Pixels, Valid
from nnunetv2.pathology.slides.view import blank

States = NDArray[np.uint8]
"""(height, width), a PixelState each."""


class PixelState(IntEnum):
    """How a pixel was read; up to RESCUED it shows the slide."""

    READ = 0
    RESCUED = 1
    """From another level."""
    MISSING = 2
    """The scanner took no image here, or the file lacks the tile; white."""
    FAILED = 3
    """Damaged; white."""


@dataclass(frozen=True)
class DamagedPart:
    """A part of a view that could not be read as usual."""

    box: Box
    state: PixelState
    """RESCUED or FAILED."""
    message: str


@dataclass(frozen=True, eq=False)
class Block:
    """The pixels (h, w, 3) of a box of the view, the PixelState (h, w) of each, and what was damaged."""

    box: Box
    pixels: Pixels
    state: States
    damaged: tuple[DamagedPart, ...] = ()

    @property
    def valid(self) -> Valid:
        """Where the pixels show the slide."""
        return self.state <= PixelState.RESCUED


def failed(box: Box, message: str) -> Block:
    """Return a white block of which nothing could be read."""
    pixels, _ = blank(box)
    state = np.full((box.height, box.width), PixelState.FAILED, np.uint8)
    return Block(box, pixels, state, (DamagedPart(box, PixelState.FAILED, message),))


def block_of(
    box: Box,
    pixels: Pixels,
    valid: Valid,
    state: PixelState = PixelState.READ,
    damaged: tuple[DamagedPart, ...] = (),
) -> Block:
    """Return a block whose valid pixels have one state; the others are missing."""
    return Block(box, pixels, np.where(valid, np.uint8(state), np.uint8(PixelState.MISSING)), damaged)


def joined(box: Box, parts: Iterable[Block]) -> Block:
    """Return a block made of parts that cover it, of which one at a time has to be there."""
    pixels, _ = blank(box)
    state, damaged = np.empty((box.height, box.width), np.uint8), list[DamagedPart]()
    for part in parts:
        target = np.s_[part.box.y - box.y : part.box.bottom - box.y, part.box.x - box.x : part.box.right - box.x]
        pixels[target], state[target] = part.pixels, part.state
        damaged += part.damaged
    return Block(box, pixels, state, tuple(damaged))
