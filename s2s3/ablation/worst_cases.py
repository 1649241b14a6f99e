"""Pictures of the test images that a training predicts worst."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnunetv2.reporting.case_files import CasePicture
from nnunetv2.reporting.case_overlay import overlay_figure

KEPT = 3
Array = npt.NDArray[Any]


@dataclass
class WorstCases:
    """Keeps the images with the lowest Dice, and draws them with the outlines of reference and prediction."""

    titles: Mapping[str, str]
    """Class key as in summary.json -> its name."""
    _kept: list[tuple[float, str, CasePicture]] = field(default_factory=list)

    def offer(self, case: str, dice: float | None, image: Array, reference: Array, prediction: Array) -> None:
        """Keep a case if it is among the worst; a case without a Dice, or whose image has another size, is none.

        Parameters:
            image: as the network sees it, (C, x, y, z).
            reference: labels (x, y, z).
            prediction: labels (x, y, z).
        """
        if dice is None or math.isnan(dice) or image.shape[1:] != reference.shape:
            return
        plane = int((reference != prediction).sum(axis=(1, 2)).argmax())
        shown = CasePicture(shown_colours(image[:, plane]), reference[plane], prediction[plane], plane)
        self._kept = sorted([*self._kept, (dice, case, shown)], key=lambda entry: entry[:2])[:KEPT]

    def save(self, folder: Path) -> None:
        """Write `worst_1.png`, the worst one, and so on; pictures of an earlier attempt go."""
        for old in folder.glob("worst_*.png"):
            old.unlink()
        for rank, (dice, case, picture) in enumerate(self._kept, start=1):
            titles = {key: f"{name}: {case}, Dice {dice:.2f}" for key, name in self.titles.items()}
            picture_file(folder, rank).write_bytes(overlay_figure(picture, titles))


def picture_file(folder: Path, rank: int = 1) -> Path:
    """Return the file of a cell's worst image, second worst, and so on."""
    return folder / f"worst_{rank}.png"


def shown_colours(image: Array) -> npt.NDArray[np.uint8]:
    """Return an image (C, y, x) of any scale as (y, x, 3), 8 bit: each channel from its 1st to its 99th percentile.

    Three channels are red, green and blue; of any other number the first one is grey.
    """
    channels = image if len(image) == 3 else np.repeat(image[:1], 3, axis=0)
    low, high = np.percentile(channels, (1, 99), axis=(1, 2), keepdims=True)
    scaled = (channels - low) / np.maximum(high - low, 1e-6)
    return (255 * scaled.clip(0, 1)).round().astype(np.uint8).transpose(1, 2, 0)
