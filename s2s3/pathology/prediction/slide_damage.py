"""What could not be read of a slide: counted while it is predicted, and kept for a resumed run."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnunetv2.foundation.unlinked_files import append_unlinked
from nnunetv2.pathology.prediction.tile_gate import TileGate
from nnunetv2.pathology.slides.geometry import Box
from nnunetv2.pathology.slides.read_record import ReadRecord
from nnunetv2.pathology.slides.slide_block import Block, DamagedPart, PixelState

_COUNTS = ("blocks", "failed", "rescued", "lacking", "pixels", "missing_pixels", "failed_pixels")
_LATER = ("lacking",)
"""Which lines of the first version lack, as they do `missing`."""
_LARGEST_LOG = 64 * 2**20
_CERTAINLY = 1.05
"""No gate has so many times the pixels that its mask, which is coarser, says."""


@dataclass
class SlideDamage:
    """A record of reading in which each block counts once, however often it is read.

    Parameters:
        gate: where pixels count; None: everywhere.
        log: file with a line a block, which a resumed run reads first.
        counts_missing: whether parts that the scanner left out are damage; not where a slide states its scanned area
            and everything is predicted.
        tissue: where such parts count, as glass beside it may have been left out; None: wherever pixels do.
    """

    gate: TileGate | None
    log: Path
    counts_missing: bool = True
    tissue: TileGate | None = None
    record: ReadRecord = field(default_factory=ReadRecord)
    _known: set[tuple[int, int]] = field(default_factory=set)

    def resume(self) -> None:
        """Take in what earlier runs have noted; a line that is cut off, as after a kill, is left out."""
        if self.log.is_symlink():
            self.log.unlink()
        if self.log.is_file() and self.log.stat().st_size < _LARGEST_LOG:
            text = self.log.read_text(errors="replace")
            for line in text.splitlines():
                with suppress(ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError):
                    self._take(json.loads(line))
            if text and not text.endswith("\n"):
                append_unlinked(self.log, b"\n")

    def add(self, block: Block) -> None:
        """Note a block."""
        box = block.box
        if (box.x, box.y) in self._known:
            return
        place = (box.y, box.bottom), (box.x, box.right)
        counts_missing = (
            self.counts_missing if self.tissue is None else self.tissue.inside(*place) & self.counts_missing
        )
        read = ReadRecord()
        read.add(block, None if self.gate is None else self.gate.inside(*place), counts_missing)
        entry = {"x": box.x, "y": box.y, **{name: getattr(read, name) for name in _COUNTS}}
        entry["damaged"] = [[*_numbers(part.box), int(part.state), part.message] for part in read.damaged]
        entry["missing"] = [_numbers(missing) for missing in read.missing]
        self._take(entry)
        append_unlinked(self.log, (json.dumps(entry) + "\n").encode())

    def exceeds(self, allowed: float, gated_px: float) -> bool:
        """Tell whether more than a share is lost for certain, however many pixels are still to be read.

        Parameters:
            gated_px: about how many are inside the gate.
        """
        most = max(_CERTAINLY * gated_px, self.record.pixels)
        return self.record.missing_pixels + self.record.failed_pixels > allowed * most

    def unread(self) -> Iterator[Box]:
        """Yield the parts of the view that are white because nothing could be read, or the file has no image there."""
        yield from (part.box for part in self.record.damaged if part.state == PixelState.FAILED)
        yield from self.record.missing

    def to_dict(self) -> dict[str, Any]:
        """Return the entry `read` of a slide's state file; what could not be read as x, y, width, height."""
        return {**self.record.to_dict(), "unread": [_numbers(box) for box in self.unread()]}

    def _take(self, entry: dict[str, Any]) -> None:
        counts = {name: int(entry.get(name, 0) if name in _LATER else entry[name]) for name in _COUNTS}
        parts = [DamagedPart(Box(*map(int, part[:4])), PixelState(part[4]), str(part[5])) for part in entry["damaged"]]
        missing = [Box(*map(int, box[:4])) for box in entry.get("missing", ())]
        self._known.add((entry["x"], entry["y"]))
        for name, count in counts.items():
            setattr(self.record, name, getattr(self.record, name) + count)
        self.record.damaged += parts
        self.record.missing += missing


def _numbers(box: Box) -> list[int]:
    return [box.x, box.y, box.width, box.height]
