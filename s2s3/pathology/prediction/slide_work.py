"""The work on one open slide, step by step: tissue, statistics, tiles, outputs."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nnunetv2.errors import UnreadableSlideError
from nnunetv2.file_kinds.slide_files import MEASUREMENTS_NAME, THUMBNAIL_NAME
from nnunetv2.pathology.outputs.bands import BandFiles, work_folder
from nnunetv2.pathology.outputs.export_settings import OVERLAY, PROBABILITIES
from nnunetv2.pathology.outputs.no_bands import NoBands
from nnunetv2.pathology.outputs.overlay import write_picture
from nnunetv2.pathology.outputs.probability_map import ProbabilityGrid, coarsening
from nnunetv2.pathology.outputs.slide_files import require_source
from nnunetv2.pathology.outputs.written_files import remove_run
from nnunetv2.pathology.prediction.kept_tissue import KeptTissue
from nnunetv2.pathology.prediction.slide_damage import SlideDamage
from nnunetv2.pathology.prediction.slide_facts import about_slide, prediction_plan, versions
from nnunetv2.pathology.prediction.slide_model import SlideModel
from nnunetv2.pathology.prediction.slide_normalisation import ChannelStatistics
from nnunetv2.pathology.prediction.slide_outputs import SlideOutputs
from nnunetv2.pathology.prediction.slide_prediction import SlidePrediction
from nnunetv2.pathology.prediction.slide_settings import SlideSettings
from nnunetv2.pathology.prediction.slide_stamp import slide_stamp
from nnunetv2.pathology.prediction.slide_state import DONE, NO_TISSUE, SlideState
from nnunetv2.pathology.prediction.statistics_choice import chosen_statistics, training_colours, window_px
from nnunetv2.pathology.prediction.tile_gate import TileGate, find_gate
from nnunetv2.pathology.prediction.work_seconds import PREDICTION, PREPARATION, WRITING, WorkSeconds
from nnunetv2.pathology.slides.reader_process import READ_TIMEOUT_S, Reading, reading_windows
from nnunetv2.pathology.slides.rescue import RescuingView
from nnunetv2.pathology.slides.slide_source import SlideSource
from nnunetv2.pathology.slides.thumbnail import readable_thumbnail
from nnunetv2.pathology.tissue.slide_tissue import TissueMask
from nnunetv2.pathology.tissue.tissue_sources import NONE

MakeBar = Callable[[str, int], Any]
"""Returns a progress bar, as tqdm does, for the name of a slide and its number of bands."""
_LOG = "read.jsonl"


@dataclass(frozen=True)
class RunOptions:
    """How slides are worked on.

    Parameters:
        readers: processes that read a slide; 0 reads in this one.
        reader: `auto`, or the name of the library that reads.
        read_timeout_s: how long opening a slide, or reading a block, may take.
        check: raises ClaimError if the slide belongs to another process; asked before anything is written.
        after_band: called when a band is finished; what it raises stops the slide in order.
        local_copy: yields where to read the slide of a path, for example a copy that a Stage has made.
    """

    readers: int = 0
    reader: str = "auto"
    read_timeout_s: float = READ_TIMEOUT_S
    make_bar: MakeBar | None = None
    check: Callable[[], None] = lambda: None
    after_band: Callable[[], None] = lambda: None
    local_copy: Callable[[str], AbstractContextManager[str]] = nullcontext

    @property
    def reading(self) -> Reading:
        """How tissue and pictures are read."""
        return Reading(self.readers, self.read_timeout_s)


@dataclass(frozen=True)
class SlideWork:
    """One slide in the middle of its work; `state` is written as it goes on."""

    model: SlideModel
    settings: SlideSettings
    options: RunOptions
    source: SlideSource
    opened: RescuingView
    name: str
    folder: Path
    state: SlideState

    def do(self) -> dict[str, Any]:
        """Predict the slide, or go on with it, and return its state. Raises UnreadableSlideError and others."""
        seconds = WorkSeconds()
        with seconds.on(PREPARATION):
            require_source(self.settings.export, self.source.path, self.options.read_timeout_s)
            predicted, kept = self._predicted_tissue()
            gate, tissue = find_gate(
                self.opened.slide, self.opened.view.grid, self.settings, self.options.reading, predicted
            )
            found = {"share": tissue.share, "mm2": tissue.mm2, "threshold": tissue.threshold}
            self.state.update(**about_slide(self.opened, tissue), tissue=found)
            if gate is not None and tissue.with_unread().is_empty:
                return self._without_tissue(tissue)
            prediction, files = self._begin(gate, seconds)
            if predicted is not None:
                kept.write(predicted)
            damage = self._damage(gate, tissue, files)
        with seconds.on(PREDICTION):
            self._predict(prediction, files, damage)
        with seconds.on(WRITING):
            content = self._write_outputs(files, damage, tissue, prediction.probabilities)
        spent = {"seconds": seconds.to_dict(), "wait_share": seconds.wait_share}
        self.state.update(read=damage.to_dict(), measurements=_measurements(content), **spent)
        if self.settings.keep_partial:
            self._require_readable(damage)
        state = self.state.finish(DONE)
        files.remove()
        return state

    def _predicted_tissue(self) -> tuple[TissueMask | None, KeptTissue]:
        """Return the tissue that the model of tissue finds, None without such a model, and where it is kept."""
        finder = self.model.tissue
        decided_by = {
            "slide": slide_stamp(self.state.content["path"], self.options.read_timeout_s),
            "slide_mpp": self.source.slide_mpp,
            "reader": self.opened.slide.reader.name,
            "icc": self.source.icc,
            "model": None if finder is None else finder.identity,
            "versions": versions(),
        }
        kept = KeptTissue(work_folder(self.folder), decided_by)
        return None if finder is None else finder.find(self.source, self.options.reading, kept), kept

    def _begin(self, gate: TileGate | None, seconds: WorkSeconds) -> tuple[SlidePrediction, BandFiles]:
        """Return the prediction and its bands, of which an earlier run may have left some."""
        statistics, description = self._statistics(gate)
        prediction = replace(self._prediction(gate, statistics), seconds=seconds)
        files = prediction.band_files(self.folder, self.options.check)
        plan = prediction_plan(prediction, self.settings, description, self.state.content)
        files.begin(plan, self.settings.overwrite)
        self.state.update(normalization={**description, **training_colours(self.model)}, tiles=prediction.count_tiles())
        return prediction, files

    def _damage(self, gate: TileGate | None, tissue: TissueMask, files: BandFiles) -> SlideDamage:
        """Return the record of reading, with what an earlier run has noted."""
        counts_missing = self.settings.tissue != NONE or not self.opened.slide.states_bounds
        inside = None if gate is None else TileGate(tissue.with_unread(), self.opened.view.grid)
        damage = SlideDamage(gate, files.work_folder / _LOG, counts_missing, inside)
        damage.resume()
        return damage

    def _without_tissue(self, tissue: TissueMask) -> dict[str, Any]:
        """Write the outputs of a slide that is background, and a picture, so that somebody can see that it is."""
        self.options.check()
        remove_run(self.folder)
        prediction = self._prediction(None, None)
        bands = NoBands(prediction.label_type, prediction.band_files(self.folder, self.options.check).map_size)
        damage = SlideDamage(None, work_folder(self.folder) / _LOG)
        self.state.update(tiles={**prediction.count_tiles(), "gated": 0}, read=damage.to_dict())
        content = self._write_outputs(bands, damage, tissue, prediction.probabilities)
        if OVERLAY not in self.settings.save:
            write_picture(readable_thumbnail(self.opened.slide, self.options.reading), self.folder / THUMBNAIL_NAME)
        return self.state.finish(NO_TISSUE, measurements=_measurements(content))

    def _statistics(self, gate: TileGate | None) -> tuple[ChannelStatistics | None, dict[str, Any]]:
        """Return the statistics for normalisation, and what the state file says of them."""
        size = self.opened.view.width, self.opened.view.height
        is_tissue = (lambda box: True) if gate is None else gate.touches
        mode = self.settings.normalization
        with reading_windows(self.source, self.options.readers, self.options.read_timeout_s) as read:
            return chosen_statistics(self.model, mode, size, read, is_tissue, self.name)

    def _prediction(self, gate: TileGate | None, statistics: ChannelStatistics | None) -> SlidePrediction:
        view, settings = self.opened.view, self.settings
        return SlidePrediction(
            self.model,
            self.source,
            view.width,
            view.height,
            statistics,
            gate,
            settings.step_size,
            settings.tiles_at_once(self.model.predictor.device.type),
            settings.memory_gb,
            self.options.readers,
            self.options.read_timeout_s,
            self._probability_grid(),
            window_px(self.model, settings.normalization),
        )

    def _probability_grid(self) -> ProbabilityGrid | None:
        settings, model = self.settings, self.model
        if PROBABILITIES not in settings.save:
            return None
        classes = tuple(settings.export.shown(model.classes))
        channels = tuple(model.output_channel(name) for name in classes)
        mpp = sum(self.opened.view.mpp or (1.0, 1.0)) / 2
        return ProbabilityGrid(classes, channels, coarsening(mpp, settings.probability_mpp))

    def _predict(self, prediction: SlidePrediction, files: BandFiles, damage: SlideDamage) -> None:
        keeps = self.settings.keep_partial
        self.opened.rest()  # what predicts opens it for itself
        with self._progress(files) as count, closing(prediction.finish_bands(files, damage)) as finished:
            for _ in finished:
                self.state.count_progress()
                if not keeps and damage.exceeds(self.settings.max_failed, prediction.gated_px):
                    self._require_readable(damage)
                count()
                self.options.after_band()
        if not keeps:
            self._require_readable(damage)

    @contextmanager
    def _progress(self, files: BandFiles) -> Iterator[Callable[[], None]]:
        """Yield what counts a finished band, on a bar that starts with those of earlier runs."""
        if self.options.make_bar is None:
            yield lambda: None
            return
        blocks, bands = len(files.layout.blocks), len(files.layout.bands)
        with closing(self.options.make_bar(self.name, blocks * bands)) as bar:
            bar.update(blocks * bands - sum(len(files.unfinished(block)) for block in range(blocks)))
            yield bar.update

    def _require_readable(self, damage: SlideDamage) -> None:
        """Raise UnreadableSlideError if too much was lost of what was read so far; the state keeps what was lost."""
        try:
            damage.record.require_less_than(self.settings.max_failed, self.source.path)
        except UnreadableSlideError:
            self.state.update(read=damage.to_dict())
            raise

    def _write_outputs(
        self, files: BandFiles | NoBands, damage: SlideDamage, tissue: TissueMask, probabilities: ProbabilityGrid | None
    ) -> dict[str, Any]:
        view = self.opened.view
        outputs = SlideOutputs(
            self.opened.slide,
            self.name,
            self.model.name,
            self.model.identity,
            self.model.classes,
            view.grid,
            view.mpp or (1.0, 1.0),
            files,
            damage,
            tissue,
            self.settings,
            probabilities,
            self.options.reading,
        )
        return outputs.write(self.folder, tiles=self.state.content["tiles"], read=damage.record.to_dict())


def _measurements(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the state file says of measurements.json."""
    return {"file": MEASUREMENTS_NAME, "classes": content["classes"]}
