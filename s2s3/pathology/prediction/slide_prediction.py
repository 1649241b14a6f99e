"""Predicts one slide, from its pixels to finished bands of labels on disk."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from nnunetv2.foundation.freed_memory import return_kept_memory
from nnunetv2.inference.label_conversion import label_dtype
from nnunetv2.inference.sliding_window_prediction import tile_weights
from nnunetv2.inference.stripe_accumulation import Band, StripeAccumulation
from nnunetv2.inference.stripe_grid import StripeGrid
from nnunetv2.pathology.outputs.band_layout import BandLayout
from nnunetv2.pathology.outputs.bands import BandFiles
from nnunetv2.pathology.outputs.probability_map import ProbabilityGrid
from nnunetv2.pathology.prediction.band_labels import band_labels, band_probabilities
from nnunetv2.pathology.prediction.block_rows import BlockRows
from nnunetv2.pathology.prediction.kept_blocks import KeptBlocks
from nnunetv2.pathology.prediction.slide_damage import SlideDamage
from nnunetv2.pathology.prediction.slide_model import SlideModel
from nnunetv2.pathology.prediction.slide_normalisation import ChannelStatistics
from nnunetv2.pathology.prediction.slide_statistics import LARGEST_WINDOW_PX
from nnunetv2.pathology.prediction.slide_tiles import SlideTiles
from nnunetv2.pathology.prediction.stripe_memory import bytes_per_column, widest_block
from nnunetv2.pathology.prediction.tile_gate import TileGate
from nnunetv2.pathology.prediction.tile_normaliser import TileNormaliser
from nnunetv2.pathology.prediction.work_seconds import BANDS, READING, WorkSeconds
from nnunetv2.pathology.slides.geometry import Box
from nnunetv2.pathology.slides.reader_process import MOST_READERS, READ_TIMEOUT_S, read_blocks
from nnunetv2.pathology.slides.slide_block import Block
from nnunetv2.pathology.slides.slide_source import SlideSource
from nnunetv2.pathology.slides.view import BLOCK_PX

_BYTES_PER_GB = 1e9
_BYTES_PER_PIXEL = 3
_READER_BYTES = 24e6
"""Blocks that a reader process keeps ready."""


@dataclass(frozen=True)
class SlidePrediction:
    """One slide at the model's pixel size, and how it is predicted.

    Parameters:
        source: opens the view in any process.
        width, height: of the view.
        statistics: for normalisation; None if it needs none.
        seconds: what it takes, counted here.
        window_px: edge of the window around each tile that gives its statistics; None: those of the slide do.
        gate: where predictions are wanted; None: everywhere.
        readers: processes that read; 0 reads in this one.
        probabilities: which of them are kept with the labels; None: none.
    """

    model: SlideModel
    source: SlideSource
    width: int
    height: int
    statistics: ChannelStatistics | None
    gate: TileGate | None
    step_size: float = 0.5
    batch_size: int = 1
    memory_gb: float = 1.5
    readers: int = 0
    read_timeout_s: float = READ_TIMEOUT_S
    probabilities: ProbabilityGrid | None = None
    window_px: int | None = None
    seconds: WorkSeconds = field(default_factory=WorkSeconds)

    @cached_property
    def grid(self) -> StripeGrid:
        """The tiles, column blocks and bands."""
        return StripeGrid(BandLayout(self.height, self.width, self._block_width), self.model.tile_size, self.step_size)

    @property
    def _block_width(self) -> int:
        """As wide as the memory allows for sums and rows of pixels, and no wider than the view."""
        tile = self.model.tile_size
        folds = len(self.model.networks)
        sums = bytes_per_column(self._num_channels, tile[0], folds)
        rows = max(tile[0], min(self.window_px or 0, LARGEST_WINDOW_PX))
        pixels = _BYTES_PER_PIXEL * (rows + 2 * BLOCK_PX)
        memory = self.memory_gb * _BYTES_PER_GB - MOST_READERS * _READER_BYTES
        widest = widest_block(int(memory * sums / (sums + pixels)), self._num_channels, tile, folds)
        return min(widest, self.width)

    @property
    def normaliser(self) -> TileNormaliser:
        """How tiles are normalised."""
        return TileNormaliser(self.model.normalisation, self.width, self.height, self.statistics, self.window_px)

    @property
    def label_type(self) -> Any:
        """Type of the labels on disk."""
        return label_dtype(self.model.predictor.label_manager)

    def is_predicted(self, top: int, left: int) -> bool:
        """Tell whether the tile at a position touches the gate."""
        height, width = self.model.tile_size
        return self.gate is None or self.gate.touches(Box(left, top, width, height))

    @property
    def gated_px(self) -> float:
        """About how many pixels of the view lie inside the gate."""
        share = 1.0 if self.gate is None else float(self.gate.tissue.mask.mean())
        return share * self.width * self.height

    def count_tiles(self) -> dict[str, int]:
        """Return how many tiles the view has, and how many of them are predicted."""
        positions = [(top, left) for top in self.grid.rows for left in self.grid.columns]
        return {"total": len(positions), "gated": sum(self.is_predicted(*position) for position in positions)}

    def band_files(self, folder: Path, check: Callable[[], None]) -> BandFiles:
        """Return the bands in a slide's folder; `check` raises if they are not to be written any more."""
        kept = self.probabilities
        number, factor = (0, 1) if kept is None else (len(kept.channels), kept.factor)
        return BandFiles(folder, self.grid.layout, self.label_type, number, factor, check)

    def finish_bands(self, files: BandFiles, damage: SlideDamage) -> Generator[tuple[int, int], None, None]:
        """Predict and store all bands that are not finished; yield the number of each, (block, band), when it is.

        Raises InvalidLogitsError, naming the tile, if the network predicts NaN or infinite values.
        """
        unfinished = [files.unfinished(block) for block in range(len(self.grid.layout.blocks))]
        store = KeptBlocks(files.work_folder, files.check)
        for block, bands in enumerate(unfinished):
            later = self._windows(block + 1, unfinished[block + 1]) if block + 1 < len(unfinished) else ()
            kept = store, later
            with closing(self.predicted_bands(block, bands, damage.add, kept)) as predicted:
                for band in predicted:
                    number = block, band.band
                    self._store(files, band)
                    del band  # the sums of its column block would be there while the next block is predicted
                    yield number

    def _store(self, files: BandFiles, band: Band) -> None:
        """Write the labels of a band, and probabilities; nothing of them stays in memory."""
        return_kept_memory()
        labels, probabilities = self.labels(band), self._probabilities(band)
        with self.seconds.on(BANDS):
            files.write(band.block, band.band, labels, probabilities)
        del labels, probabilities
        return_kept_memory()

    def predicted_bands(
        self,
        block: int,
        bands: Sequence[int],
        on_block: Callable[[Block], None],
        kept: tuple[KeptBlocks | None, Sequence[Box]] = (None, ()),
    ) -> Generator[Band, None, None]:
        """Predict some bands of a column block, ascending.

        Parameters:
            on_block: called with each block of pixels once it is read.
            kept: where blocks of pixels are kept for the windows that are asked for later.

        Raises InvalidLogitsError, naming the tile, if the network predicts NaN or infinite values.
        """
        store, later = kept
        rows = BlockRows(self.width, self.height, BLOCK_PX, self._read_blocks, on_block, store)
        accumulation = self._accumulation(rows)
        with rows.reading(self._windows(block, bands), later), torch.inference_mode():
            yield from accumulation.bands_of_block(block, bands)

    def labels(self, band: Band) -> Any:
        """Return the label image of a band, 0 outside of the gate."""
        return band_labels(band, self.model.predictor.label_manager, self._inside(band))

    def _inside(self, band: Band) -> Any:
        return None if self.gate is None else self.gate.inside(band.rows, band.columns)

    def _probabilities(self, band: Band) -> Any:
        kept = self.probabilities
        if kept is None:
            return None
        inside = self._inside(band)
        return band_probabilities(band, self.model.predictor.label_manager, inside, kept.channels, kept.factor)

    def _read_blocks(self, boxes: Sequence[Box]) -> Generator[Block, None, None]:
        blocks = read_blocks(self.source, boxes, self.readers, self.read_timeout_s)
        return self.seconds.waiting(READING, blocks)

    def _accumulation(self, rows: BlockRows) -> StripeAccumulation:
        networks = self.model.networks
        tiles = SlideTiles(
            self.width, self.height, self.model.tile_size, rows, self.normaliser, networks.predict, self.batch_size
        )
        device = self.model.predictor.device
        weights = tile_weights(self.model.tile_size, self.model.predictor.use_gaussian, device)
        return StripeAccumulation(
            self.grid,
            tiles.predict_row,
            self._num_channels,
            weights,
            device,
            self.is_predicted,
            len(networks),
        )

    @property
    def _num_channels(self) -> int:
        return int(self.model.predictor.label_manager.num_segmentation_heads)

    def _windows(self, block: int, bands: Sequence[int]) -> list[Box]:
        """Return what the predicted tiles of some bands need of the view, in the order in which they need it."""
        height, width = self.model.tile_size
        tops = dict.fromkeys(top for band in bands for top in self.grid.rows_of_band(band))
        normaliser = self.normaliser
        return [
            normaliser.window(Box(left, top, width, height).within(self.width, self.height))
            for top in tops
            for left in self.grid.columns_of_block(block)
            if self.is_predicted(top, left)
        ]
