"""What tells whether a slide has changed since a run began."""

import hashlib
import os
from pathlib import Path
from typing import Any

from nnunetv2.pathology.outputs.bands import file_stamp
from nnunetv2.pathology.slides.slide_parts import parts_of_slide
from nnunetv2.pathology.slides.watched_reader import watched_chunks, within


def made_from(path: str, slide_mpp: float | None, timeout_s: float | None = None) -> dict[str, Any]:
    """Return what a finished slide is known by, wherever it lies: size and hash of its file or files, given pixel size.

    Raises as `slide_stamp`.
    """
    stamp = slide_stamp(path, timeout_s)
    return {"size": stamp["size"], "hash": stamp["hash"], "slide_mpp": slide_mpp}


def slide_stamp(path: str, timeout_s: float | None = None) -> dict[str, Any]:
    """Return path, size and a hash: of a single file's two ends, or of the names, sizes and times of several files.

    Parameters:
        timeout_s: how long that may take; None: any time.

    Raises OSError if the slide is not there, HangingReadError if it takes longer.
    """
    return within(timeout_s, f"{path}: looking at its file", lambda: _stamp(path))


def _stamp(path: str) -> dict[str, Any]:
    parts = parts_of_slide(path)
    if parts == [Path(path)]:
        return file_stamp(path)
    digest, size = hashlib.sha256(), 0
    for file in parts:
        status = os.stat(file)
        size += status.st_size
        digest.update(f"{file.name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode("utf-8", "surrogateescape"))
    return {"path": os.path.abspath(path), "files": len(parts), "size": size, "hash": digest.hexdigest()}


def content_hash(path: Path, timeout_s: float | None = None) -> str:
    """Return the SHA-256 of a file of any size.

    Parameters:
        timeout_s: how long reading a part of it may take; None: any time.

    Raises OSError if it cannot be read, HangingReadError if it takes longer.
    """
    digest = hashlib.sha256()
    for data in watched_chunks(path, timeout_s):
        digest.update(data)
    return digest.hexdigest()
