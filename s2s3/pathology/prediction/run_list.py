"""The file run.json of an output folder: which slides were asked for, also those that nobody has begun."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from nnunetv2.errors import DriftError
from nnunetv2.file_kinds.slide_files import RUN_NAME, SLIDE_RUN
from nnunetv2.foundation.files import read_json, write_json
from nnunetv2.pathology.slides.slide_list import SlideEntry

_NAME = re.compile("[A-Za-z0-9_-]+")


def note_slides(output: Path, entries: Sequence[SlideEntry]) -> None:
    """Add slides to the list of an output folder."""
    before = read_slides(output)
    slides = {**before, **{entry.name: os.path.abspath(entry.path) for entry in entries}}
    if slides != before:
        write_json({"format": 1, "slides": slides}, output / RUN_NAME)


def read_slides(output: Path) -> dict[str, str]:
    """Return name -> path of the slides that were asked for; none if there is no list, or it is damaged."""
    try:
        slides: dict[str, str] = read_json(output / RUN_NAME, SLIDE_RUN)["slides"]
    except DriftError:
        return {}
    return {name: path for name, path in slides.items() if _NAME.fullmatch(name)}
