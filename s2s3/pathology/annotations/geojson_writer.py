"""Writes the objects of a slide as GeoJSON for QuPath, one at a time, whatever their number.

How many objects there are decides how QuPath should show them, and which are left out if there are too many. So they
pass through a temporary file first.
"""

import gzip
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from nnunetv2.errors import ArgumentError, InvalidValueError
from nnunetv2.pathology.annotations.qupath_objects import SlideObject, feature_line
from s1.files import blaming, replacing

OBJECT_TYPES = ("auto", "annotation", "detection")
_MOST_ANNOTATIONS = 2_000
_PLACEHOLDER = "auto"
_COMPRESSION = 6


@dataclass(frozen=True)
class GeoJsonSettings:
    """How objects are written. Raises ArgumentError for an unknown type, InvalidValueError for a negative number."""

    objects: str = "auto"
    """`annotation` or `detection`; `auto`: detections if there are more than 2,000 objects."""
    max_objects: int = 500_000
    """If there are more, the smallest are left out."""

    def __post_init__(self) -> None:
        if self.objects not in OBJECT_TYPES:
            raise ArgumentError(f"objects is {self.objects!r}, expected one of {', '.join(OBJECT_TYPES)}")
        if self.max_objects < 0:
            raise InvalidValueError(f"max_objects is {self.max_objects}, expected at least 0")


@dataclass
class ClassObjects:
    """Objects of one class, those left out included."""

    count: int = 0
    largest: float = 0
    """Area of the largest, in square pixels of the slide."""


@dataclass
class WrittenObjects:
    """What was written."""

    count: int = 0
    left_out: int = 0
    object_type: str = "annotation"
    classes: dict[str, ClassObjects] = field(default_factory=dict)


def write_objects(
    objects: Iterable[SlideObject],
    target: Path,
    identity: str,
    metadata: Mapping[str, str] | None = None,
    settings: GeoJsonSettings | None = None,
) -> WrittenObjects:
    """Write a FeatureCollection, one feature a line, compressed if the name ends in .gz; equal input, equal bytes.

    Parameters:
        identity: names slide and model; the ids of objects follow from it and from their order.
        metadata: texts that every object carries.

    Raises CallError for an object that QuPath would refuse; nothing is written then.
    """
    settings = settings or GeoJsonSettings()
    written = WrittenObjects()
    with blaming(target), tempfile.TemporaryFile("w+", encoding="utf-8", dir=target.parent) as spool:
        areas = np.array(list(_spooled(objects, spool, identity, metadata or {}, written)))
        kept = _largest(areas, settings.max_objects)
        written.count, written.left_out = int(kept.sum()), int((~kept).sum())
        written.object_type = _object_type(settings.objects, written.count)
        spool.seek(0)
        with replacing(target) as temporary, _opened(temporary, target.suffix == ".gz") as stream:
            stream.write(b'{"type":"FeatureCollection","features":[')
            for part in _features(spool, kept, written.object_type):
                stream.write(part)
            stream.write(b"\n]}\n")
    return written


def _spooled(
    objects: Iterable[SlideObject], spool: IO[str], identity: str, metadata: Mapping[str, str], written: WrittenObjects
) -> Iterator[float]:
    """Write the line of each object, still without its type, and yield its area."""
    for number, shown in enumerate(objects):
        spool.write(feature_line(shown, _PLACEHOLDER, f"{identity} {number}", metadata) + "\n")
        area = float(shown.polygon.area)
        of_class = written.classes.setdefault(shown.class_name, ClassObjects())
        of_class.count += 1
        of_class.largest = max(of_class.largest, area)
        yield area


def _largest(areas: np.ndarray[Any, np.dtype[Any]], count: int) -> np.ndarray[Any, np.dtype[Any]]:
    """Return which objects are among the largest; of equal ones, the first."""
    kept = np.zeros(len(areas), bool)
    kept[np.argsort(-areas, kind="stable")[:count]] = True
    return kept


def _object_type(wanted: str, count: int) -> str:
    if wanted != "auto":
        return wanted
    return "detection" if count > _MOST_ANNOTATIONS else "annotation"


def _features(spool: IO[str], kept: np.ndarray[Any, np.dtype[Any]], object_type: str) -> Iterator[bytes]:
    before, after = f'"objectType":"{_PLACEHOLDER}"', f'"objectType":"{object_type}"'
    separator = "\n"
    for line, is_kept in zip(spool, kept, strict=True):
        if is_kept:
            yield (separator + line.rstrip("\n").replace(before, after, 1)).encode()
            separator = ",\n"


@contextmanager
def _opened(file: Path, is_compressed: bool) -> Iterator[IO[bytes]]:
    """Open for writing; a compressed file gets no name and no time, so that equal content is equal bytes."""
    with file.open("wb") as stream:
        if not is_compressed:
            yield stream
            return
        with gzip.GzipFile("", "wb", _COMPRESSION, stream, mtime=0) as compressed:
            yield cast("IO[bytes]", compressed)
