"""Looks for the files of slides in folders, which may lie on a network share that hangs: each look has a time limit."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from nnunetv2.pathology.slides.watched_reader import Look
from s1.json_schema import is_name
from s1.listed_files import is_hidden
from s1.readable_files import hindrance

ENDINGS = (
    *(".svs", ".tif", ".tiff", ".ndpi", ".mrxs", ".scn", ".bif", ".vms", ".vmu", ".svslide", ".czi", ".dcm"),
    *(".png", ".jpg", ".jpeg"),
)
"""Of files that a folder of slides is searched for; the content decides how they are read."""
_MASK = "_mask"
_OF_THE_SYSTEM = {"lost+found", "$RECYCLE.BIN", "System Volume Information"}
"""Folders at the root of disks, which users may not list."""


def slides_below(folder: Path, look: Look, problems: dict[str, str]) -> list[Path]:
    """Return the files of a folder and of those below it that may be slides, sorted.

    Parameters:
        problems: gets path -> line for each that cannot be read as a file, and each folder that cannot be listed.

    Raises HangingReadError, naming the file or folder, if one look takes too long.
    """
    found = sorted(_below(folder, look, problems))
    stems = {path.name[: -len(path.suffix)] for path in found}
    return [path for path in found if not _is_mask(path, stems)]


def is_folder(path: Path, look: Look) -> bool:
    """Tell whether a path is a folder; raises HangingReadError."""
    return bool(look(f"{path}: looking for it", path.is_dir))


def what_hinders(path: Path, look: Look) -> str | None:
    """Return a line that says why a path cannot be a slide, None for a regular file; raises HangingReadError."""
    if (shown := _shown(path)) != str(path):
        return f"{shown}: has a line break or what is no text in its name, expected a name in one line; rename it"
    problem: str | None = look(f"{path}: looking for it", partial(hindrance, path))
    return f"{path}: {problem}" if problem else None


def _shown(path: Path) -> str:
    """Return a path in one line, with escapes if it has line breaks or bytes that are not UTF-8."""
    name = str(path)
    is_text = name.encode(errors="replace").decode() == name
    return name if is_text and is_name(name) else repr(name)


def _below(folder: Path, look: Look, problems: dict[str, str]) -> Iterator[Path]:
    """Yield the files of a folder and of those below it; links to folders are not followed."""
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        try:
            folders, files = look(f"{current}: listing it", partial(_listed, current))
        except OSError as error:
            problems[str(current)] = f"{_shown(current)}: cannot be listed ({error.strerror or error})"
            continue
        waiting += folders
        for path in files:
            problem = what_hinders(path, look)
            if problem:
                problems[str(path)] = problem
            else:
                yield path


def _listed(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders in a folder, and the files with endings of slides, without hidden ones; none of a lost one.

    Raises OSError if it cannot be listed.
    """
    errors: list[OSError] = []
    _, folders, names = next(os.walk(folder, onerror=errors.append), ("", [], []))
    if errors and not isinstance(errors[0], FileNotFoundError):
        raise errors[0]
    inner = [folder / name for name in folders if not is_hidden(name) and name not in _OF_THE_SYSTEM]
    files = [folder / name for name in names if not is_hidden(name)]
    return [path for path in inner if not path.is_symlink()], [file for file in files if _may_be_slide(file)]


def _may_be_slide(file: Path) -> bool:
    return file.suffix.lower() in ENDINGS


def _is_mask(path: Path, stems: set[str]) -> bool:
    """Return whether a file is the mask of a slide beside it."""
    stem = path.name[: -len(path.suffix)]
    return stem.endswith(_MASK) and stem.removesuffix(_MASK) in stems
