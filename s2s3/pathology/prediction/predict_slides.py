"""Predicts many slides into one output folder, which any number of processes may share."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from nnunetv2.foundation.files import make_folder
from nnunetv2.pathology.prediction.archive import ArchiveWorker, in_order, is_free
from nnunetv2.pathology.prediction.claims import Claim
from nnunetv2.pathology.prediction.equal_slides import EqualSlide, seemingly_equal
from nnunetv2.pathology.prediction.run_list import note_slides
from nnunetv2.pathology.prediction.slide_predictor import PathLike, SlidePredictor, SlideResult, load_slide_predictor
from nnunetv2.pathology.prediction.slide_settings import SlideSettings
from nnunetv2.pathology.prediction.slide_state import DONE, NO_TISSUE, read_state
from nnunetv2.pathology.prediction.slide_summary import write_summary
from nnunetv2.pathology.prediction.slide_work import RunOptions
from nnunetv2.pathology.prediction.staging import Stage
from nnunetv2.pathology.slides.reader_process import READ_TIMEOUT_S
from nnunetv2.pathology.slides.slide_list import SlideEntry, list_slides
from nnunetv2.pathology.slides.slide_parts import check_apart_from_slide
from nnunetv2.reporting.slide_report import write_slide_report

_WORDS = {DONE: "done", NO_TISSUE: "no tissue found"}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PredictedSlides:
    """What became of the slides of a call."""

    slides: Mapping[str, SlideResult]
    """Name -> result of each slide that is done or has no tissue, whoever predicted it."""
    problems: tuple[str, ...]
    """One line for each slide that could not be predicted."""


def predict_slides(
    slides: Sequence[PathLike],
    output: PathLike,
    model: PathLike | Any,
    settings: SlideSettings | None = None,
    options: RunOptions | None = None,
    *,
    table: PathLike | None = None,
    slide_mpp: float | None = None,
    device: torch.device | None = None,
    folds: tuple[int | str, ...] | None = None,
    checkpoint_name: str = "checkpoint_final.pth",
    retry_failed: bool = False,
    stage: PathLike | None = None,
) -> PredictedSlides:
    """Predict slides, each into a folder of its own below `output`, as `drift slide predict` does.

    Processes and computers that call this with the same output share the slides; what is done is skipped, what was
    stopped goes on. Slides that cannot be predicted do not stop the others.

    Parameters:
        slides: files, folders with slides, or tables (.csv).
        model: folder of a trained model, or an initialised predictor (then without device, folds and checkpoint_name).
        table: with the columns slide,mpp.
        slide_mpp: micrometres per pixel of slides of which the table says nothing.
        retry_failed: whether slides that failed before are tried again, three times in all.
        stage: folder on a local disk for copies of the slides: the next one is copied while one is predicted.

    Raises DriftError before the first slide if the arguments, the slides or the model cannot be used.
    """
    timeout_s = READ_TIMEOUT_S if options is None else options.read_timeout_s
    left_out: dict[str, str] = {}
    entries = slides_to_predict(slides, output, table, slide_mpp, timeout_s, left_out)
    if isinstance(model, str | os.PathLike):
        model = load_slide_predictor(model, settings or SlideSettings(), options, device, folds, checkpoint_name)
    else:
        model = SlidePredictor(model, settings, options)
    model.require_slides(entries)
    target = begin_output(output, entries, model.to_dict())
    problems = share_slides(model, entries, target, stage, retry_failed)
    finish_output(target, entries)
    results = {entry.name: SlideResult.read(target / entry.name) for entry in entries if _is_over(target / entry.name)}
    return PredictedSlides(results, (*problems, *dict.fromkeys(left_out.values())))


def slides_to_predict(
    slides: Sequence[PathLike],
    output: PathLike,
    table: PathLike | None = None,
    slide_mpp: float | None = None,
    timeout_s: float = READ_TIMEOUT_S,
    left_out: dict[str, str] | None = None,
) -> list[SlideEntry]:
    """Return the slides that are meant, with their pixel sizes if these are given.

    Parameters:
        timeout_s: how long listing one folder, or looking at one file, may take.
        left_out: gets path -> line for each file in a folder that cannot be predicted, and each folder there that
            cannot be listed; None: these are errors.

    Raises SlideError that lists all that is wrong, InvalidOutputError if the outputs would lie among the slides.
    """
    entries = list_slides(slides, table, timeout_s, left_out)
    for line in dict.fromkeys((left_out or {}).values()):
        _log.warning("left out: %s", line)
    for entry in entries:
        for folder in (output, Path(output) / entry.name):
            check_apart_from_slide(folder, entry.path, timeout_s)
    return [replace(entry, mpp=slide_mpp) if entry.mpp is None else entry for entry in entries]


def begin_output(output: PathLike, entries: Sequence[SlideEntry], about: Mapping[str, Any] | None = None) -> Path:
    """Make the output folder and note in it the slides, so that others see which are still to be done.

    Parameters:
        about: what `SlidePredictor.to_dict` returns; None if the model is not loaded yet.
    """
    folder = make_folder(output, "the output folder")
    note_slides(folder, entries, about)
    return folder


def share_slides(
    predictor: SlidePredictor,
    entries: Sequence[SlideEntry],
    output: Path,
    stage: PathLike | None = None,
    retry_failed: bool = False,
    **sharing: Any,
) -> list[str]:
    """Predict slides, which other processes may do, too, until none is left; return a line for each problem.

    Parameters:
        stage, retry_failed: as of `predict_slides`.
        sharing: further parameters of ArchiveWorker.
    """
    timeout_s, overwrite = predictor.options.read_timeout_s, predictor.settings.overwrite
    equal = seemingly_equal(entries, output, timeout_s)
    others = [entry for entry in entries if entry.name not in equal]
    with staging(stage, others, output, retry_failed or overwrite, timeout_s) as local_copy:
        visit = SlideVisit(predictor.with_options(local_copy=local_copy), equal)
        names = {name: first.entry.name for name, first in equal.items()}
        return ArchiveWorker(entries, output, visit, retry_failed, overwrite, equal=names, **sharing).work()
    return []


@contextmanager
def staging(
    folder: PathLike | None,
    entries: Sequence[SlideEntry],
    output: Path,
    again: bool = False,
    timeout_s: float = READ_TIMEOUT_S,
) -> Iterator[Callable[[str], AbstractContextManager[str]]]:
    """Yield what says where each slide is read: its copy in a folder on a local disk, if there is one.

    Parameters:
        entries: that will be asked for.
        again: whether slides that are done or have failed are predicted once more.
        timeout_s: without progress, after which a copy is given up.
    """
    if folder is None:
        yield nullcontext
        return
    order = {entry.path: output / entry.name for entry in in_order(entries, output)}
    with Stage(Path(folder), list(order), lambda path: is_free(order[path], again), timeout_s) as stage:
        yield stage.copy


def finish_output(output: Path, entries: Sequence[SlideEntry]) -> None:
    """Write the tables and the page about all slides."""
    write_summary(output, [entry.name for entry in entries])
    if any(read_state(output / entry.name) for entry in entries):
        _log.info("report: %s", write_slide_report(output))


@dataclass(frozen=True)
class SlideVisit:
    """Predicts a slide that is claimed, and says how it went.

    Parameters:
        equal: name of a slide -> one whose outputs it can take over.
    """

    predictor: SlidePredictor
    equal: Mapping[str, EqualSlide] = field(default_factory=dict)

    def __call__(self, entry: SlideEntry, folder: Path, claim: Claim, anew: bool) -> None:
        state = self.predictor.predict_claimed(entry, folder, claim, anew, self.equal.get(entry.name))
        _log.info("%s: %s (%s)", entry.name, _WORDS[state["state"]], folder)
        for warning in state.get("warnings", ()):
            _log.warning("%s: %s", entry.path, warning)


def _is_over(folder: Path) -> bool:
    return read_state(folder).get("state") in _WORDS
