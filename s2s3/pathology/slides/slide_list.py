"""Which slides a user means: files, folders with all below them, or a table; DICOM files of a series are one slide."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nnunetv2.errors import SlideError
from nnunetv2.pathology.slides.reader_process import READ_TIMEOUT_S
from nnunetv2.pathology.slides.slide_reader import PathLike
from nnunetv2.pathology.slides.slide_search import ENDINGS, is_folder, slides_below, what_hinders
from nnunetv2.pathology.slides.slide_table import SlideRow, read_slide_table
from nnunetv2.pathology.slides.watched_reader import Look, watching, within
from s1.problem_lists import raise_together

_SECOND_ENDINGS = (".ome",)
_OTHER_CHARACTERS = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True)
class SlideEntry:
    """One slide to work on, and what a table says about it."""

    path: str
    """A file; of a DICOM series, its first."""
    name: str
    """Of output files and folders: letters, digits, - and _."""
    mpp: float | None = None
    """Micrometres per pixel of the finest level, instead of what the file states."""
    annotation: str | None = None
    group: str | None = None
    domain: str | None = None


def list_slides(
    inputs: Sequence[PathLike],
    table: PathLike | None = None,
    timeout_s: float = READ_TIMEOUT_S,
    left_out: dict[str, str] | None = None,
    may_clash: bool = False,
) -> list[SlideEntry]:
    """Return the slides of files, folders and tables (`.csv`), sorted within a folder.

    Parameters:
        table: a second table about these slides, with pixel sizes, groups or domains.
        timeout_s: how long listing one folder, or looking at one file, may take.
        left_out: gets path -> what is wrong with it for each file found in a folder that is no file or whose name
            clashes with that of another one, and for each folder there that cannot be listed; None: these are errors,
            as for files that are named.
        may_clash: whether several slides may have the same name.

    Raises SlideError that lists everything that is missing or no file, unknown slides in tables, and names that clash;
    HangingReadError for a folder or file of which nothing comes in time.
    """
    found = _Found()
    with watching(timeout_s) as look:
        entries = found.entries(inputs, look)
        if table is not None:
            entries = _with_table(entries, table, look)
    if not may_clash:
        found.note_clashes(entries)
    if left_out is None:
        found.problems.update(found.in_folders)
    raise_together(SlideError, "slides", dict.fromkeys(found.problems.values()))
    entries = [entry for entry in entries if entry.path not in found.in_folders]
    if not entries:
        raise_together(SlideError, "slides", dict.fromkeys(found.in_folders.values()))
        raise SlideError(f"no slides in {', '.join(map(str, inputs))}; expected files that end in {' '.join(ENDINGS)}")
    if left_out is not None:
        left_out.update(found.in_folders)
    return entries


def slide_name(path: PathLike) -> str:
    """Return the name of a slide's outputs: the file's name without endings, other characters as _."""
    path = Path(path)
    stem = path.stem if path.suffix.lower() in ENDINGS else path.name
    stem = next((stem[: -len(end)] for end in _SECOND_ENDINGS if stem.lower().endswith(end)), stem)
    return _OTHER_CHARACTERS.sub("_", stem)


class _Found:
    """What is wrong with paths that were named, and with those found in folders: path -> line."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}
        self.in_folders: dict[str, str] = {}
        self._named: set[str] = set()

    def entries(self, inputs: Sequence[PathLike], look: Look) -> list[SlideEntry]:
        """Return what is meant, tables first."""
        entries: list[SlideEntry] = []
        paths: list[Path] = []
        for given in map(Path, inputs):
            if given.suffix.lower() == ".csv":
                entries += _of_table(given, look)
            elif is_folder(given, look):
                paths += slides_below(given, look, self.in_folders)
            elif (problem := what_hinders(given, look)) is not None:
                self.problems[str(given)] = problem
            else:
                paths.append(given)
                self._named.add(str(given))
        self._named |= {entry.path for entry in entries}
        return entries + [SlideEntry(str(path), slide_name(path)) for path in _one_a_series(paths, look)]

    def note_clashes(self, entries: Sequence[SlideEntry]) -> None:
        """Note slides that would have the same output name."""
        by_name: dict[str, list[str]] = {}
        for entry in entries:
            by_name.setdefault(entry.name.lower(), []).append(entry.path)
        for paths in by_name.values():
            if len(paths) > 1:
                clash = f"would have the same output name {slide_name(paths[0])!r}; rename or exclude one"
                noted = self.in_folders if self._named.isdisjoint(paths) else self.problems
                noted.update(dict.fromkeys(paths, f"{' and '.join(paths)} {clash}"))


def _rows(table: PathLike, look: Look) -> list[SlideRow]:
    rows: list[SlideRow] = look(f"{table}: reading it", partial(read_slide_table, table))
    return rows


def _with_table(entries: Sequence[SlideEntry], table: PathLike, look: Look) -> list[SlideEntry]:
    """Return the slides with what a table says about them; a slide is named by path, file name or stem."""
    rows = _rows(table, look)
    found: dict[int, SlideEntry] = {}
    problems = []
    for row in rows:
        named = [index for index, entry in enumerate(entries) if row.slide in _names(entry)]
        if len(named) == 1:
            old = entries[named[0]]
            found[named[0]] = SlideEntry(
                old.path,
                old.name,
                old.mpp if row.mpp is None else row.mpp,
                row.annotation or old.annotation,
                row.group or old.group,
                row.domain or old.domain,
            )
        elif len(named) > 1:
            problems.append(f"line {row.line}: {row.slide!r} can be {len(named)} slides; write its path")
    raise_together(SlideError, "does not match the slides", problems, str(table))
    return [found.get(index, entry) for index, entry in enumerate(entries)]


def _names(entry: SlideEntry) -> set[str]:
    path = Path(entry.path)
    return {entry.path, path.name, path.stem, entry.name, os.path.abspath(entry.path)}


def _of_table(table: Path, look: Look) -> list[SlideEntry]:
    """Return the slides of a table; relative paths start at its folder."""
    rows = _rows(table, look)
    paths = [table.parent / row.slide for row in rows]
    problems = [
        f"line {row.line}: {problem}"
        for row, path in zip(rows, paths, strict=True)
        if not is_folder(path, look) and (problem := what_hinders(path, look))
    ]
    raise_together(SlideError, "names slides that cannot be read", problems, str(table))
    return [
        SlideEntry(str(path), slide_name(path), row.mpp, row.annotation, row.group, row.domain)
        for row, path in zip(rows, paths, strict=True)
    ]


def _one_a_series(paths: list[Path], look: Look) -> Iterator[Path]:
    """Yield each file once, and of each DICOM series in a folder the first only."""
    seen = set()
    for path in dict.fromkeys(paths):
        if path.suffix.lower() == ".dcm":
            key = path.parent, _series(path, look)
            if key[1] is not None and key in seen:
                continue
            seen.add(key)
        yield path


def _series(path: Path, look: Look) -> str | None:
    """Return the series of a DICOM file by pydicom, else by OpenSlide; None if neither can tell."""
    from nnunetv2.pathology.slides.dicom_reader import series_of

    known: str | None = look(f"{path}: looking for its series", partial(series_of, path))
    return known if known is not None else _series_by_openslide(path)


def _series_by_openslide(path: Path) -> str | None:
    from nnunetv2.pathology.slides.reader_choice import opening

    try:
        reader = within(READ_TIMEOUT_S, str(path), lambda: opening("openslide", path))
    except Exception:  # whoever opens the slide says what is wrong with it
        return None
    reader.close()
    return reader.properties.get("dicom.SeriesInstanceUID")
