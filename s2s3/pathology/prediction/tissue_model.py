"""Tissue as a model of its own predicts it, at a coarse pixel size, for slides whose colours do not tell."""

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nnunetv2.inference.model_folder import usual_folds
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.pathology.prediction.kept_tissue import KeptTissue
from nnunetv2.pathology.prediction.model_identity import model_identity
from nnunetv2.pathology.prediction.slide_model import SlideModel
from nnunetv2.pathology.prediction.slide_prediction import SlidePrediction
from nnunetv2.pathology.prediction.statistics_choice import chosen_statistics
from nnunetv2.pathology.slides.reader_process import Reading, reading_windows
from nnunetv2.pathology.slides.rescue import RescuingView
from nnunetv2.pathology.slides.slide_block import Block, PixelState
from nnunetv2.pathology.slides.slide_source import SlideSource
from nnunetv2.pathology.tissue.slide_tissue import TissueMask
from nnunetv2.pathology.tissue.tissue_mask import Mask


@dataclass(frozen=True)
class TissueModel:
    """A model all of whose foreground classes are tissue, and the micrometres per pixel that it is for."""

    model: SlideModel
    mpp: float

    @property
    def identity(self) -> str:
        """Text that tells what it finds from what others find."""
        return f"{self.model.identity} at {self.mpp:g}"

    def find(self, source: SlideSource, reading: Reading, kept: KeptTissue | None = None) -> TissueMask:
        """Return the tissue of a slide, and what could not be read of it.

        Parameters:
            kept: what an earlier run may have found.

        Raises UnreadableSlideError if the slide has vanished.
        """
        coarse = replace(source, mpp=self.mpp, allow_upsampling=True, icc=self.model.icc(None))
        with RescuingView(coarse, reading.timeout_s) as opened:
            grid, mpp = opened.view.grid, opened.view.mpp or (self.mpp, self.mpp)
        known = None if kept is None else kept.read(grid.height, grid.width)
        mask, unread = known or self._masks(coarse, (grid.width, grid.height), reading)
        return TissueMask(mask, (grid.scale_x, grid.scale_y), mpp, unread=unread if unread.any() else None)

    def _masks(self, source: SlideSource, size: tuple[int, int], reading: Reading) -> tuple[Mask, Mask]:
        """Return where tissue is, and what could not be read, both (height, width)."""
        with reading_windows(source, reading.readers, reading.timeout_s) as read:
            statistics, _ = chosen_statistics(self.model, "image", size, read, lambda box: True, source.path)
        more: dict[str, Any] = {"readers": reading.readers, "read_timeout_s": reading.timeout_s}
        prediction = SlidePrediction(self.model, source, *size, statistics, None, **more)
        mask, unread = np.zeros(size[::-1], bool), np.zeros(size[::-1], bool)

        def note(block: Block) -> None:
            box = block.box
            unread[box.y : box.bottom, box.x : box.right] = block.state == PixelState.FAILED

        layout = prediction.grid.layout
        for block in range(len(layout.blocks)):
            with closing(prediction.predicted_bands(block, range(len(layout.bands)), note)) as bands:
                for band in bands:
                    mask[slice(*band.rows), slice(*band.columns)] = prediction.labels(band) > 0
                    del band  # with the sums of its column block
        return mask, unread


def load_tissue_model(folder: str, mpp: float, device: torch.device) -> TissueModel:
    """Return the model of a folder, with all of its folds. Raises SettingsError for one that cannot be used."""
    predictor = nnUNetPredictor(use_mirroring=False, device=device, allow_tqdm=False)
    checkpoint = "checkpoint_final.pth"
    predictor.initialize_from_trained_model_folder(folder, usual_folds(folder, checkpoint), checkpoint)
    model = SlideModel(predictor, Path(folder).name, model_identity(predictor))
    model.icc(None)
    return TissueModel(model, mpp)
