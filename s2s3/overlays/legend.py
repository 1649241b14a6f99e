"""A strip below a picture that names the label of each colour."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnunetv2.overlays.rendering import Rgb

_TEXT, _PAPER = (0, 0, 0), (255, 255, 255)
_SMALLEST_FONT, _LARGEST_FONT = 11, 60
_WIDTH_OF_ONE_FONT_PIXEL = 40
"""A picture 1000 pixels wide has letters 25 pixels high."""
_LONGEST_NAME = 60
"""Characters; of longer names the end is left out, as a file may hold a name of any length."""


@dataclass(frozen=True)
class _Entry:
    name: str
    colour: Rgb
    left: int
    row: int


def add_legend(picture: np.ndarray, entries: Sequence[tuple[str, Rgb]]) -> np.ndarray:
    """Return a picture (H, W, 3), 8 bit, with a row of named colours below it; several rows if it is narrow.

    A picture narrower than the longest name gets a white margin on the right; names end after 60 characters.
    """
    from PIL import Image, ImageDraw, ImageFont

    if not entries:
        return picture
    entries = [(_shortened(name), colour) for name, colour in entries]
    size = min(max(picture.shape[1] // _WIDTH_OF_ONE_FONT_PIXEL, _SMALLEST_FONT), _LARGEST_FONT)
    font = ImageFont.load_default(size)
    lengths = [round(font.getlength(name)) for name, _ in entries]
    width = max(picture.shape[1], max(lengths) + 3 * size)
    placed = _place(entries, lengths, size, width)
    strip = Image.new("RGB", (width, (placed[-1].row + 1) * 2 * size), _PAPER)
    draw = ImageDraw.Draw(strip)
    for entry in placed:
        top = entry.row * 2 * size + size // 2
        draw.rectangle((entry.left, top, entry.left + size, top + size), fill=entry.colour, outline=_TEXT)
        draw.text((entry.left + 3 * size // 2, top + size // 2), entry.name, fill=_TEXT, font=font, anchor="lm")
    missing = width - picture.shape[1]
    if missing:
        picture = np.pad(picture, ((0, 0), (0, missing), (0, 0)), constant_values=_PAPER[0])
    return np.concatenate([picture, np.asarray(strip)])


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."


def _place(entries: Sequence[tuple[str, Rgb]], lengths: Sequence[int], size: int, width: int) -> list[_Entry]:
    """Place the entries in rows; an entry that does not fit into the rest of a row begins the next."""
    placed = []
    left, row = size // 2, 0
    for (name, colour), length in zip(entries, lengths, strict=True):
        needed = 3 * size // 2 + length
        if left + needed > width and left > size // 2:
            left, row = size // 2, row + 1
        placed.append(_Entry(name, colour, left, row))
        left += needed + size
    return placed
