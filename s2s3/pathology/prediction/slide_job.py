"""One slide from open to done: tissue, statistics, tiles, outputs, and a state file that always says how far it is."""

import os
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nnunetv2.errors import (
    ClaimError,
    DriftError,
    MissingPixelSizeError,
    OutputExistsError,
    SettingsError,
)
from nnunetv2.file_kinds.slide_files import MEASUREMENTS_NAME, THUMBNAIL_NAME
from nnunetv2.foundation.files import make_folder
from nnunetv2.pathology.outputs.bands import BandFiles
from nnunetv2.pathology.outputs.overlay import write_picture
from nnunetv2.pathology.outputs.probability_map import ProbabilityGrid, coarsening
from nnunetv2.pathology.prediction.slide_damage import SlideDamage
from nnunetv2.pathology.prediction.slide_errors import slide_errors
from nnunetv2.pathology.prediction.slide_model import SlideModel
from nnunetv2.pathology.prediction.slide_normalisation import ChannelStatistics
from nnunetv2.pathology.prediction.slide_outputs import SlideOutputs
from nnunetv2.pathology.prediction.slide_predictor import SlidePrediction
from nnunetv2.pathology.prediction.slide_settings import PROBABILITIES, WINDOW, SlideSettings
from nnunetv2.pathology.prediction.slide_stamp import slide_stamp
from nnunetv2.pathology.prediction.slide_state import DONE, NO_TISSUE, SlideState, read_state
from nnunetv2.pathology.prediction.statistics_choice import chosen_statistics, training_colours
from nnunetv2.pathology.prediction.tile_gate import TileGate, find_gate
from nnunetv2.pathology.slides.reader_process import READ_TIMEOUT_S, Reading, reading_windows
from nnunetv2.pathology.slides.rescue import RescuingView, SlideSource, wait_for
from nnunetv2.pathology.slides.thumbnail import readable_thumbnail
from nnunetv2.pathology.tissue.slide_tissue import TissueMask

MakeBar = Callable[[int], Any]
"""Returns a progress bar, as tqdm does, for a number of bands."""
_LOG = "read.jsonl"
_WITHOUT_EFFECT = ("overwrite", "max_failed", "keep_partial", "memory_gb", "batch_size")
"""Settings that change no output of a slide that is done, or only by rounding."""


@dataclass(frozen=True)
class SlideJob:
    """What is the same for all slides of a run.

    Parameters:
        readers: processes that read a slide; 0 reads in this one.
        check: raises ClaimError if the slide belongs to another process; asked before anything is written.
        after_band: called when a band is finished; what it raises stops the slide in order.
    """

    model: SlideModel
    settings: SlideSettings
    readers: int = 0
    reader: str = "auto"
    read_timeout_s: float = READ_TIMEOUT_S
    make_bar: MakeBar | None = None
    check: Callable[[], None] = lambda: None
    after_band: Callable[[], None] = lambda: None

    def run(self, path: str, name: str, folder: Path, slide_mpp: float | None = None) -> dict[str, Any]:
        """Predict a slide into its folder and return its state; a stopped run goes on where it was.

        Raises SlideError, SettingsError or another DriftError, which the state file keeps too.
        """
        make_folder(folder, "the output folder")
        before = read_state(folder)
        if before.get("state") in (DONE, NO_TISSUE) and not self.settings.overwrite:
            self._require_same_model(folder, before)
            if self._has_same_settings(folder, before):
                return before
        begin = {"slide": name, "path": os.path.abspath(path), "model": self._model_entry()}
        state = SlideState(folder, {**begin, "settings": self._deciding_settings()}, self.check)
        try:
            with slide_errors(path, folder):
                wait_for(path)
                mpp = self.model.mpp(self.settings.mpp)
                source = SlideSource(path, mpp, self.reader, slide_mpp, self.settings.allow_upsampling)
                with RescuingView(source) as opened:
                    return _Work(self, source, opened, name, folder, state).do()
        except (OutputExistsError, SettingsError, MissingPixelSizeError, ClaimError):
            raise  # nothing is wrong with the slide
        except DriftError as error:
            state.fail(error)
            raise
        except BaseException as error:
            if isinstance(error, OSError) or not isinstance(error, Exception):
                with suppress(OSError, DriftError):
                    state.stop()
            raise

    @property
    def reading(self) -> Reading:
        """How tissue and pictures are read."""
        return Reading(self.readers, self.read_timeout_s)

    def _deciding_settings(self) -> dict[str, Any]:
        """Return the settings on which the outputs depend."""
        chosen = self.settings.to_dict()
        return {name: value for name, value in chosen.items() if name not in _WITHOUT_EFFECT}

    def _has_same_settings(self, folder: Path, before: dict[str, Any]) -> bool:
        """Tell whether a slide that is done has these settings; without tissue, others are worth another look.

        Raises OutputExistsError, naming the first setting that differs, for outputs of others.
        """
        found = before.get("settings")
        wanted = self._deciding_settings()
        different = [name for name in wanted if not isinstance(found, dict) or found.get(name) != wanted[name]]
        if different and before.get("state") == DONE:
            raise OutputExistsError(f"{folder} was made with another {different[0]}. Use another folder or --overwrite")
        return not different

    def _require_same_model(self, folder: Path, before: dict[str, Any]) -> None:
        found = before.get("model", {})
        if found.get("hash") != self.model.identity:
            raise OutputExistsError(
                f"{folder} was made with another model (hash {str(found.get('hash'))[:4]}.. instead of "
                f"{self.model.identity[:4]}..). Use another folder or --overwrite"
            )

    def _model_entry(self) -> dict[str, Any]:
        return {"name": self.model.name, "hash": self.model.identity}


@dataclass(frozen=True)
class _Work:
    """One slide in the middle of its work."""

    job: SlideJob
    source: SlideSource
    opened: RescuingView
    name: str
    folder: Path
    state: SlideState

    def do(self) -> dict[str, Any]:
        started = time.monotonic()
        gate, tissue = find_gate(self.opened.slide, self.opened.view.grid, self.job.settings, self.job.reading)
        found = {"share": tissue.share, "mm2": tissue.mm2, "threshold": tissue.threshold}
        self.state.update(**self._about_the_slide(), tissue=found)
        if gate is not None and tissue.is_empty:
            return self._without_tissue()
        statistics, description = self._statistics(gate)
        prediction = self._prediction(gate, statistics)
        files = prediction.band_files(self.folder, self.job.check)
        if self.job.settings.overwrite:
            files.remove()
        files.begin(self._plan(prediction, description), self.job.settings.overwrite)
        self.state.update(
            normalization={**description, **training_colours(self.job.model)}, tiles=prediction.count_tiles()
        )
        damage = SlideDamage(gate, files.work_folder / _LOG, gate is not None or not self.opened.slide.states_bounds)
        damage.resume()
        self._predict(prediction, files, damage)
        predicted = time.monotonic()
        content = self._write_outputs(files, damage, tissue, prediction.probabilities)
        seconds = {"prediction": round(predicted - started, 2), "outputs": round(time.monotonic() - predicted, 2)}
        measured = {"file": MEASUREMENTS_NAME, "classes": content["classes"]}
        self.state.update(read=damage.to_dict(), seconds=seconds, measurements=measured)
        if self.job.settings.keep_partial:
            self._require_readable(damage)
        state = self.state.finish(DONE)
        files.remove()
        return state

    def _without_tissue(self) -> dict[str, Any]:
        """Leave a picture, so that somebody can see that there is none."""
        write_picture(readable_thumbnail(self.opened.slide, self.job.reading), self.folder / THUMBNAIL_NAME)
        return self.state.finish(NO_TISSUE)

    def _about_the_slide(self) -> dict[str, Any]:
        slide, view = self.opened.slide, self.opened.view
        grid = view.grid
        return {
            "reader": slide.reader.name,
            "mpp": [slide.mpp.x, slide.mpp.y],
            "mpp_source": slide.mpp.source,
            "origin": list(slide.origin),
            "size": list(slide.size),
            "view": {
                "level": grid.level,
                "downsample": slide.levels[grid.level].downsample,
                "factor": [grid.factor_x, grid.factor_y],
                "width": grid.width,
                "height": grid.height,
                "mpp": list(view.mpp or ()),
            },
            "warnings": [*slide.warnings, *view.warnings],
            "versions": {name: version(name) for name in ("nnunetv2", "torch", "numpy")},
        }

    def _statistics(self, gate: TileGate | None) -> tuple[ChannelStatistics | None, dict[str, Any]]:
        """Return the statistics for normalisation, and what the state file says of them."""
        size = self.opened.view.width, self.opened.view.height
        is_tissue = (lambda box: True) if gate is None else gate.touches
        mode = self.job.settings.normalization
        with reading_windows(self.source, self.job.readers, self.job.read_timeout_s) as read:
            return chosen_statistics(self.job.model, mode, size, read, is_tissue, self.name)

    def _prediction(self, gate: TileGate | None, statistics: ChannelStatistics | None) -> SlidePrediction:
        view, settings = self.opened.view, self.job.settings
        return SlidePrediction(
            self.job.model,
            self.source,
            view.width,
            view.height,
            statistics,
            gate,
            settings.step_size,
            settings.batch_size,
            settings.memory_gb,
            self.job.readers,
            self.job.read_timeout_s,
            self._probability_grid(),
            self.job.model.training_window_px if settings.normalization == WINDOW else None,
        )

    def _probability_grid(self) -> ProbabilityGrid | None:
        settings, model = self.job.settings, self.job.model
        if PROBABILITIES not in settings.save:
            return None
        classes = tuple(settings.export.shown(model.classes))
        channels = tuple(model.output_channel(name) for name in classes)
        mpp = sum(self.opened.view.mpp or (1.0, 1.0)) / 2
        return ProbabilityGrid(classes, channels, coarsening(mpp, settings.probability_mpp))

    def _plan(self, prediction: SlidePrediction, normalization: dict[str, Any]) -> dict[str, Any]:
        """Return everything that determines the labels."""
        settings, layout = self.job.settings, prediction.grid.layout
        return {
            "slide": slide_stamp(self.source.path),
            "view": self.state.content["view"],
            "reader": self.opened.slide.reader.name,
            "model": {"hash": self.job.model.identity},
            "device": self.job.model.predictor.device.type,
            "gaussian": bool(self.job.model.predictor.use_gaussian),
            "versions": self.state.content["versions"],
            "mirroring": settings.mirroring,
            "step_size": settings.step_size,
            "batch_size": settings.batch_size,
            "block_width": layout.block_width,
            "gate": None if prediction.gate is None else prediction.gate.digest(),
            "normalization": normalization,
            "probabilities": None if prediction.probabilities is None else asdict(prediction.probabilities),
        }

    def _predict(self, prediction: SlidePrediction, files: BandFiles, damage: SlideDamage) -> None:
        layout = prediction.grid.layout
        keeps = self.job.settings.keep_partial
        total = len(layout.blocks) * len(layout.bands)
        bar = self.job.make_bar(total) if self.job.make_bar else None
        done = total - sum(len(files.unfinished(block)) for block in range(len(layout.blocks)))
        if bar is not None:
            bar.update(done)
        with closing(prediction.finish_bands(files, damage)) as finished:
            for _ in finished:
                self.state.count_progress()
                if not keeps and damage.exceeds(self.job.settings.max_failed, prediction.gated_px):
                    break
                if bar is not None:
                    bar.update()
                self.job.after_band()
        if not keeps:
            self._require_readable(damage)
        if bar is not None:
            bar.close()

    def _require_readable(self, damage: SlideDamage) -> None:
        damage.record.require_less_than(self.job.settings.max_failed, self.source.path)

    def _write_outputs(
        self, files: BandFiles, damage: SlideDamage, tissue: TissueMask, probabilities: ProbabilityGrid | None
    ) -> dict[str, Any]:
        view = self.opened.view
        outputs = SlideOutputs(
            self.opened.slide,
            self.name,
            self.job.model.name,
            self.job.model.identity,
            self.job.model.classes,
            view.grid,
            view.mpp or (1.0, 1.0),
            files,
            damage,
            tissue,
            self.job.settings,
            probabilities,
            self.job.reading,
        )
        return outputs.write(self.folder, tiles=self.state.content["tiles"], read=damage.record.to_dict())
