"""Journals of finished work: a JSON value a line, readable also after a run that was killed, and stamps of files."""

import json
import os
from pathlib import Path
from typing import Any

from nnunetv2.foundation.unlinked_files import append_unlinked
from s1.json_files import NotJson, parse_json

Stamp = list[Any]
"""[path or name, size, modification time in ns]; size and time are None for a file that cannot be looked at."""


def journal_line(content: Any) -> str:
    """Return a line that starts with its line break, so that an incomplete line before it does no harm."""
    return "\n" + json.dumps(content)


def append_to_journal(journal: Path, content: Any) -> None:
    """Add a line in one write, so that processes do not mix theirs. Raises OSError for a full disk, and a link."""
    append_unlinked(journal, journal_line(content).encode())


def read_journal(journal: Path) -> list[Any]:
    """Return the lines that are valid JSON, none without the file; a killed run may have left an incomplete one."""
    if not journal.is_file():
        return []
    lines = []
    for text in journal.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            lines.append(parse_json(text))
        except NotJson:
            continue
    return lines


def stamp(path: str | os.PathLike[str], name: str | None = None) -> Stamp:
    """Return name, size and time of a file, which change when it is written again."""
    shown = os.fspath(path) if name is None else name
    try:
        status = os.stat(path)
    except OSError:
        return [shown, None, None]
    return [shown, status.st_size, status.st_mtime_ns]
