"""What tells whether a slide has changed since a run began."""

import hashlib
import os
from pathlib import Path
from typing import Any

from nnunetv2.pathology.outputs.bands import file_stamp
from nnunetv2.pathology.slides.slide_parts import parts_of_slide

_CHUNK_BYTES = 2**20


def made_from(path: str, slide_mpp: float | None) -> dict[str, Any]:
    """Return what a finished slide is known by, wherever it lies: size and hash of its file or files, given pixel size.

    Raises OSError if the slide is not there.
    """
    stamp = slide_stamp(path)
    return {"size": stamp["size"], "hash": stamp["hash"], "slide_mpp": slide_mpp}


def slide_stamp(path: str) -> dict[str, Any]:
    """Return path, size and a hash: of a single file's two ends, or of the names, sizes and times of several files.

    Raises OSError if the slide is not there.
    """
    parts = parts_of_slide(path)
    if parts == [Path(path)]:
        return file_stamp(path)
    digest, size = hashlib.sha256(), 0
    for file in parts:
        status = os.stat(file)
        size += status.st_size
        digest.update(f"{file.name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode("utf-8", "surrogateescape"))
    return {"path": os.path.abspath(path), "files": len(parts), "size": size, "hash": digest.hexdigest()}


def content_hash(path: Path) -> str:
    """Return the SHA-256 of a file of any size. Raises OSError if it cannot be read."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while data := stream.read(_CHUNK_BYTES):
            digest.update(data)
    return digest.hexdigest()
