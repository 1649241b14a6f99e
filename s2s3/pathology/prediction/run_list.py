"""The file run.json of an output folder: which slides were asked for, also those that nobody has begun, and how."""

import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnunetv2.errors import DriftError
from nnunetv2.file_kinds.slide_files import RUN_NAME, SLIDE_RUN
from nnunetv2.foundation.file_lock import FileLock
from nnunetv2.foundation.files import read_json, write_json
from nnunetv2.pathology.slides.slide_list import SlideEntry

_SECONDS_BETWEEN_ATTEMPTS = 0.02
_NAME = re.compile("[A-Za-z0-9_-]+")


def note_slides(output: Path, entries: Sequence[SlideEntry], about: Mapping[str, Any] | None = None) -> None:
    """Add slides to the list of an output folder, to which other processes may add theirs at the same time.

    Parameters:
        about: model, settings and versions of the run; None keeps those that are noted.
    """
    lock = FileLock(output / f".{RUN_NAME}.lock")
    while not lock.take():
        time.sleep(_SECONDS_BETWEEN_ATTEMPTS)
    try:
        _note(output, entries, about or {})
    finally:
        lock.release()


def _note(output: Path, entries: Sequence[SlideEntry], about: Mapping[str, Any]) -> None:
    before = read_run(output)
    slides = {**_named(before), **{entry.name: os.path.abspath(entry.path) for entry in entries}}
    content = {**before, **about, "format": 1, "slides": slides}
    if content != before:
        write_json(content, output / RUN_NAME)


def read_run(output: Path) -> dict[str, Any]:
    """Return the content of run.json; empty if there is none, or it is damaged."""
    try:
        content: dict[str, Any] = read_json(output / RUN_NAME, SLIDE_RUN)
    except DriftError:
        return {}
    return content


def read_slides(output: Path) -> dict[str, str]:
    """Return name -> path of the slides that were asked for; none if there is no list, or it is damaged."""
    return _named(read_run(output))


def _named(content: Mapping[str, Any]) -> dict[str, str]:
    return {name: path for name, path in content.get("slides", {}).items() if _NAME.fullmatch(name)}
