"""One slide from open to done, with a state file that always says how far it is and what went wrong."""

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnunetv2.errors import (
    AnnotationError,
    ClaimError,
    DriftError,
    MissingFileError,
    MissingPixelSizeError,
    OutputExistsError,
    SettingsError,
    SlideTooCoarseError,
)
from nnunetv2.foundation.files import make_folder
from nnunetv2.foundation.freed_memory import return_kept_memory
from nnunetv2.pathology.outputs.bands import remove_bands
from nnunetv2.pathology.outputs.written_files import remove_run
from nnunetv2.pathology.prediction.deciding_settings import deciding_settings
from nnunetv2.pathology.prediction.earlier_outputs import is_ended, is_finished
from nnunetv2.pathology.prediction.equal_slides import EqualSlide, take_over
from nnunetv2.pathology.prediction.slide_errors import naming, slide_errors
from nnunetv2.pathology.prediction.slide_model import SlideModel
from nnunetv2.pathology.prediction.slide_settings import SlideSettings
from nnunetv2.pathology.prediction.slide_stamp import made_from
from nnunetv2.pathology.prediction.slide_state import SlideState, read_state
from nnunetv2.pathology.prediction.slide_work import RunOptions, SlideWork
from nnunetv2.pathology.slides.rescue import RescuingView, wait_for
from nnunetv2.pathology.slides.slide_source import SlideSource

_NOT_THE_SLIDE = (
    OutputExistsError,
    SettingsError,
    MissingPixelSizeError,
    SlideTooCoarseError,
    AnnotationError,
    MissingFileError,
    ClaimError,
)
"""What another flag, or another file that a flag names, mends: no attempt, and no failure of the slide."""


@dataclass(frozen=True)
class SlideJob:
    """What is the same for all slides of a run."""

    model: SlideModel
    settings: SlideSettings
    options: RunOptions = field(default_factory=RunOptions)

    def run(
        self,
        path: str,
        name: str,
        folder: Path,
        slide_mpp: float | None = None,
        equal: EqualSlide | None = None,
    ) -> dict[str, Any]:
        """Predict a slide into its folder and return its state; a stopped run goes on where it was.

        Parameters:
            slide_mpp: micrometres per pixel of the finest level, instead of what the file states.
            equal: a slide whose outputs are taken over if they are what this one's would be.

        Raises SlideError, SettingsError or another DriftError, which the state file keeps too.
        """
        make_folder(folder, "the output folder")
        before, begun = read_state(folder), self._begin(path, name)
        if self._is_finished(path, folder, before, begun, slide_mpp):
            remove_bands(folder)  # of a run that was killed after its last entry
            return before
        linked = None if equal is None else self._linked(path, folder, begun, slide_mpp, equal)
        if linked is not None:
            return linked
        state = SlideState(folder, begun, self.options.check)
        try:
            with slide_errors(path, folder, self.options.read_timeout_s):
                wait_for(path, self.options.read_timeout_s)
                if self.settings.overwrite:
                    remove_run(folder)
                return self._predict(path, name, folder, state, slide_mpp)
        except _NOT_THE_SLIDE as error:
            with suppress(ClaimError):
                state.stop(error)
            raise
        except DriftError as error:
            state.fail(error)
            raise
        except BaseException as error:
            if isinstance(error, OSError) or not isinstance(error, Exception):
                with suppress(OSError, DriftError):
                    state.stop()
            raise
        finally:
            return_kept_memory()  # the next slide may need other arrays

    def _is_finished(
        self, path: str, folder: Path, before: dict[str, Any], begun: dict[str, Any], slide_mpp: float | None
    ) -> bool:
        if not is_ended(before, self.settings):
            return False
        return is_finished(folder, before, {**begun, "source": self._source(path, folder, slide_mpp)})

    def _linked(
        self, path: str, folder: Path, begun: dict[str, Any], slide_mpp: float | None, equal: EqualSlide
    ) -> dict[str, Any] | None:
        wanted = {**begun, "source": self._source(path, folder, slide_mpp)}
        timeout_s = self.options.read_timeout_s
        with slide_errors(path, folder, timeout_s):
            return take_over(equal, wanted, folder, self.options.check, timeout_s)

    def _source(self, path: str, folder: Path, slide_mpp: float | None) -> dict[str, Any]:
        timeout_s = self.options.read_timeout_s
        with slide_errors(path, folder, timeout_s):
            wait_for(path, timeout_s)
            return made_from(path, slide_mpp, timeout_s)

    def _begin(self, path: str, name: str) -> dict[str, Any]:
        """Return the entries of the state file that are known before the slide is open."""
        return {
            "slide": name,
            "path": os.path.abspath(path),
            "model": self.model.to_dict(),
            "settings": deciding_settings(self.settings, self.model, path, self.options.read_timeout_s),
        }

    def _predict(
        self, path: str, name: str, folder: Path, state: SlideState, slide_mpp: float | None
    ) -> dict[str, Any]:
        settings = self.settings
        mpp = self.model.mpp(settings.mpp)
        with self.options.local_copy(path) as place, naming(path, place):
            how = self.options.reader, slide_mpp, settings.allow_upsampling, self.model.icc(settings.icc)
            source = SlideSource(place, mpp, *how)
            with RescuingView(source, self.options.read_timeout_s) as opened:
                state.update(source=made_from(path, slide_mpp, self.options.read_timeout_s))
                return SlideWork(self.model, settings, self.options, source, opened, name, folder, state).do()
