"""From annotated slides to a raw dataset of nnU-Net: all slides, each in a worker process, and what describes them."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from nnunetv2.dataset_conversion.target_folder import check_dataset_name
from nnunetv2.errors import DatasetError, DiskFullError, DriftError, SlideError
from nnunetv2.foundation.files import make_folder
from nnunetv2.foundation.journal import Stamp, stamp
from nnunetv2.foundation.progress import redraw_interval_s
from nnunetv2.foundation.workers import Task, WorkerPool, run_cases
from nnunetv2.pathology.dataset.annotation_files import AnnotationPlaces, classes_in, find_annotation
from nnunetv2.pathology.dataset.class_labels import ClassLabels, class_labels
from nnunetv2.pathology.dataset.dataset_files import DATASET, TiledDataset
from nnunetv2.pathology.dataset.slide_domains import Grouping, facts_of_entry
from nnunetv2.pathology.dataset.tile_writer import IMAGES, LABELS, SlideTask, TiledSlide, tile_slide
from nnunetv2.pathology.dataset.tiling_journal import TilingJournal
from nnunetv2.pathology.dataset.tiling_settings import TilingSettings
from nnunetv2.pathology.slides.reader_process import READ_TIMEOUT_S
from nnunetv2.pathology.slides.slide_list import SlideEntry
from nnunetv2.pathology.slides.slide_parts import check_apart_from_slide, parts_of_slide
from nnunetv2.pathology.slides.watched_reader import HangingReadError, within
from nnunetv2.paths import nnUNet_raw
from s1.output_places import same_place
from s1.problem_lists import raise_together

_log = logging.getLogger(__name__)
_LONGEST_NAME = 200
"""Of a slide, so that the names of its tiles remain names of files."""


@dataclass(frozen=True)
class Tiling:
    """What to cut and into which dataset.

    Parameters:
        slides: at least one.
        dataset_name: Dataset120_Name.
        read_timeout_s: how long opening a slide, or reading a part of it, may take.
    """

    slides: Sequence[SlideEntry]
    dataset_name: str
    settings: TilingSettings
    places: AnnotationPlaces = field(default_factory=AnnotationPlaces)
    grouping: Grouping = field(default_factory=Grouping)
    read_timeout_s: float = READ_TIMEOUT_S


@dataclass(frozen=True)
class TilingResult:
    """What was written."""

    folder: Path
    records: Sequence[Mapping[str, Any]]
    problems: tuple[str, ...]
    """One line for each slide that could not be used."""
    warnings: tuple[str, ...] = ()
    """What is odd about the dataset as a whole; slides have warnings of their own."""


def tile_slides(
    tiling: Tiling, num_processes: int = 2, overwrite: bool = False, show_progress: bool = False
) -> TilingResult:
    """Cut the slides into tiles and write the dataset to nnUNet_raw; slides that cannot be used do not stop the others.

    A repeated call skips slides that are finished; those of earlier calls stay in the dataset.

    Raises DatasetError if no slide gives a tile, OutputExistsError for a dataset of others or with other settings,
    SettingsError for settings that do not fit, SlideError for slides without domain or group.
    """
    dataset = make_folder(nnUNet_raw, "nnUNet_raw") / check_dataset_name(tiling.dataset_name)
    for slide in tiling.slides:
        check_apart_from_slide(dataset, slide.path, tiling.read_timeout_s)
    tiling.grouping.check_before([facts_of_entry(slide) for slide in tiling.slides])
    annotations, problems = _annotations(tiling)
    classes = _classes(tiling, annotations, num_processes, problems)
    journal = TilingJournal(dataset)
    journal.open({**tiling.settings.to_dict(), "labels": [list(entry) for entry in classes.values.items()]}, overwrite)
    try:
        run = _Run(tiling, annotations, classes, journal)
        records, failures = run.cut(num_processes, show_progress)
        problems += failures
        tiled = TiledDataset(records, tiling.settings, classes, tiling.grouping)
        _write(tiled, dataset, problems)
    finally:
        journal.close()
    return TilingResult(dataset, records, tuple(problems), tuple(tiled.doubts))


def _annotations(tiling: Tiling) -> tuple[dict[str, Path], list[str]]:
    """Return slide name -> its annotation, and a line for each slide without."""
    found, problems = {}, []
    for slide in tiling.slides:
        try:
            if len(slide.name) > _LONGEST_NAME:
                raise SlideError(f"{slide.path}: its name has more than {_LONGEST_NAME} characters; rename it")
            what = f"{slide.path}: looking for its annotation"
            found[slide.name] = within(tiling.read_timeout_s, what, partial(find_annotation, slide, tiling.places))
        except DriftError as error:
            problems.append(str(error))
    return found, problems


def _classes(tiling: Tiling, annotations: dict[str, Path], num_processes: int, problems: list[str]) -> ClassLabels:
    """Return the labels; if they are not given, from the classes of all files.

    Files that cannot be read become problems and leave `annotations`.
    """
    if tiling.settings.labels is not None:
        return class_labels(tiling.settings, ())
    tasks = [(name, (path, tiling.settings)) for name, path in annotations.items()]
    classes: set[str] = set()
    answers = run_cases(_classes_or_problem, tasks, min(num_processes, len(tasks)), "read annotations", False)
    for name, answer in zip(list(annotations), answers, strict=True):
        if isinstance(answer, str):
            problems.append(answer)
            del annotations[name]
        else:
            classes.update(answer)
    raise_together(SlideError, "slides", problems if not annotations else [])
    return class_labels(tiling.settings, classes)


def _classes_or_problem(path: Path, settings: TilingSettings) -> list[str] | str:
    try:
        return classes_in(path, settings)
    except DriftError as error:
        return " ".join(str(error).split())


@dataclass(frozen=True)
class _Run:
    """The work on the slides of a dataset whose journal is open."""

    tiling: Tiling
    annotations: Mapping[str, Path]
    classes: ClassLabels
    journal: TilingJournal

    def cut(self, num_processes: int, show_progress: bool) -> tuple[list[dict[str, Any]], list[str]]:
        """Return the records of all finished slides, by name, and a line for each slide that failed."""
        from tqdm import tqdm

        slides, stamps, problems = self._slides()
        records = self.journal.finished(stamps)
        left = [slide for slide in slides if slide.name not in records]
        if left:
            (self.journal.dataset / DATASET).unlink(missing_ok=True)
        options = {"desc": "slides", "total": len(slides), "initial": len(slides) - len(left)}
        with tqdm(disable=not show_progress, mininterval=redraw_interval_s(), **options) as bar:
            for slide, task in self._finished_tasks(left, num_processes):
                answer = _answer(task, slide)
                if answer.problems:
                    problems += answer.problems
                else:
                    record = {**answer.record}
                    self.journal.finish(record, stamps[slide.name])
                    records[slide.name] = record
                bar.update()
        for slide in slides:
            if slide.name in records:
                records[slide.name]["table"] = {"domain": slide.domain or "", "group": slide.group or ""}
        return [records[name] for name in sorted(records)], problems

    def _slides(self) -> tuple[list[SlideEntry], dict[str, list[Stamp]], list[str]]:
        """Return the slides that have annotations, and the stamps of their files by name.

        And a line for each slide whose name another one took before, or whose files hang.
        """
        before, timeout_s = self.journal.slide_paths(), self.tiling.read_timeout_s
        slides, stamps, problems = [], {}, []
        for slide in self.tiling.slides:
            other = before.get(slide.name.lower())
            if other is not None and os.path.exists(other) and not same_place(other, slide.path):
                problems.append(
                    f"{slide.path}: {other}, cut by an earlier command, has the same name; rename one of them"
                )
            elif slide.name in self.annotations:
                try:
                    what = f"{slide.path}: looking at its files"
                    stamps[slide.name] = within(timeout_s, what, partial(self._stamps, slide))
                    slides.append(slide)
                except HangingReadError as error:
                    problems.append(str(error))
        return slides, stamps, problems

    def _finished_tasks(self, slides: Sequence[SlideEntry], num_processes: int) -> Iterator[tuple[SlideEntry, Task]]:
        """Yield slides as they are finished."""
        with WorkerPool(min(num_processes, len(slides)), survive_deaths=True) as pool:
            waiting = []
            for slide in slides:
                folder = self.journal.staging(slide.name)
                waiting.append((slide, pool.submit(slide.name, tile_slide, self._task(slide), folder)))
                pool.poll()
                yield from _take_finished(waiting)
            while waiting:
                pool.wait(unfinished_at_most=pool.unfinished - 1)
                yield from _take_finished(waiting)

    def _task(self, slide: SlideEntry) -> SlideTask:
        annotation, tiling = self.annotations[slide.name], self.tiling
        return SlideTask(slide, annotation, self.classes, tiling.settings, tiling.grouping, tiling.read_timeout_s)

    def _stamps(self, slide: SlideEntry) -> list[Stamp]:
        """Return what the tiles depend on besides the settings."""
        files = [*_files_of(slide.path), self.annotations[slide.name]]
        given: list[Stamp] = [] if slide.mpp is None else [[f"mpp {slide.mpp:g}", None, None]]
        return [*(stamp(Path(os.path.abspath(file))) for file in files), *given]


def _files_of(slide: str) -> list[Path]:
    """Return all files of a slide, the given one first."""
    try:
        parts = parts_of_slide(slide)
    except OSError:  # whoever opens it says so
        parts = []
    return list(dict.fromkeys([Path(slide), *parts]))


def _take_finished(waiting: list[tuple[SlideEntry, Task]]) -> Iterator[tuple[SlideEntry, Task]]:
    """Yield and remove the entries whose task has finished."""
    finished = [entry for entry in waiting if entry[1].finished]
    waiting[:] = [entry for entry in waiting if not entry[1].finished]
    yield from finished


def _answer(task: Task, slide: SlideEntry) -> TiledSlide:
    """Return what became of a slide; a bug or a dead worker costs this slide only, a full disk ends the work."""
    if isinstance(task.error, DiskFullError):
        raise task.error
    if task.error is not None:
        if traceback := getattr(task.error, "worker_traceback", None):
            _log.error("%s", traceback)
        return TiledSlide((f"{slide.path}: {str(task.error).removeprefix(f'case {slide.name}: ')}",))
    answer: TiledSlide = task.result
    return answer


def _write(dataset: TiledDataset, folder: Path, problems: Sequence[str]) -> None:
    if not dataset.cases:
        lines = [*problems, *(f"{entry['path']}: {line}" for entry in dataset.records for line in entry["warnings"])]
        raise DatasetError(f"{folder.name}: no slide gives a tile", lines)
    for name in (IMAGES, LABELS):
        (folder / name).mkdir(exist_ok=True)
    dataset.write(folder)
