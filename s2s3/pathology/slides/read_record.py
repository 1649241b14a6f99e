"""How much of a slide was read, rescued, missing or failed, counted block by block."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnunetv2.errors import UnreadableSlideError
from nnunetv2.pathology.slides.geometry import Box
from nnunetv2.pathology.slides.mask_boxes import boxes_of
from nnunetv2.pathology.slides.slide_block import Block, DamagedPart, PixelState
from nnunetv2.pathology.slides.slide_reader import PathLike, Valid

_MISSING = "the file has no image there"


@dataclass
class ReadRecord:
    """Counts over the blocks of a view; `tissue` limits shares to what matters."""

    blocks: int = 0
    failed: int = 0
    """Blocks with a part that could not be read at all."""
    rescued: int = 0
    """Blocks with a part from another level and none that failed."""
    lacking: int = 0
    """Blocks with missing pixels and no part that failed."""
    damaged: list[DamagedPart] = field(default_factory=list)
    missing: list[Box] = field(default_factory=list)
    """Parts of the view without an image."""
    pixels: int = 0
    missing_pixels: int = 0
    failed_pixels: int = 0

    def add(self, block: Block, tissue: Valid | None = None, counts_missing: Valid | bool = True) -> None:
        """Count a block; of pixels, only those of the tissue (h, w) if it is given.

        Parameters:
            counts_missing: whether pixels without an image count as missing, or which of them, (h, w).
        """
        states = {part.state for part in block.damaged}
        self.blocks += 1
        self.failed += PixelState.FAILED in states
        self.rescued += states == {PixelState.RESCUED}
        self.damaged += block.damaged
        counted = block.state if tissue is None else block.state[tissue]
        self.pixels += counted.size
        self.failed_pixels += int(np.count_nonzero(counted == PixelState.FAILED))
        is_missing = (block.state == PixelState.MISSING) & counts_missing
        self._add_missing(block.box, is_missing if tissue is None else is_missing & tissue, states)

    @property
    def missing_share(self) -> float:
        """Share of pixels that the scanner or the file lacks, 0 without any pixel."""
        return self.missing_pixels / max(1, self.pixels)

    @property
    def failed_share(self) -> float:
        """Share of pixels that could not be read."""
        return self.failed_pixels / max(1, self.pixels)

    def require_less_than(self, max_failed: float, path: PathLike) -> None:
        """Raise UnreadableSlideError if the failed and the missing share together are above a limit, 0 to 1."""
        share = self.missing_share + self.failed_share
        if share <= max_failed:
            return
        failed = [(part.box, part.message) for part in self.damaged if part.state == PixelState.FAILED]
        lost = failed or [(box, _MISSING) for box in self.missing]
        first = f", first at x={lost[0][0].x} y={lost[0][0].y} ({lost[0][1]})" if lost else ""
        wanted = min(1.0, np.ceil(share * 20) / 20)
        raise UnreadableSlideError(
            f"{path}: {100 * share:.1f} % of the tissue could not be read (limit {100 * max_failed:g} %):"
            f" {self.failed + self.lacking} of {self.blocks} blocks{first}. --max_failed {wanted:g} accepts it"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the entry `read` of a slide's state file."""
        return {
            "blocks": self.blocks,
            "failed": self.failed,
            "rescued": self.rescued,
            "missing_share": self.missing_share,
            "failed_tissue_share": self.failed_share,
        }

    def _add_missing(self, box: Box, missing: Valid, states: set[PixelState]) -> None:
        """Count the missing pixels (h, w) of a block whose damaged parts are in these states."""
        boxes = boxes_of(missing, box.x, box.y)
        self.lacking += bool(boxes) and PixelState.FAILED not in states
        self.missing_pixels += int(np.count_nonzero(missing))
        self.missing += boxes
