"""Copies slides from a network share to a local disk: the next one while the current one is predicted.

Only speed depends on it: a slide that cannot be copied, or has no room, is read where it is.
"""

import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nnunetv2.errors import SettingsError
from nnunetv2.foundation.files import make_folder
from nnunetv2.pathology.slides.slide_parts import parts_of_slide
from s1.partial_files import partial_name, remove_abandoned

_CHUNK_BYTES = 2**24
_SPARE_BYTES = 2**30
"""Of the disk, that copies leave free."""
_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Copy:
    """A slide on its way to the local disk."""

    path: str
    folder: Path
    stopped: threading.Event = field(default_factory=threading.Event)
    ready: "Future[Path | None] | None" = None


class Stage:
    """A folder on a local disk for slides that are read soon. A context manager, which removes what it has copied.

    Parameters:
        folder: made if it is missing; processes may share it.
        order: paths of slides as they will be asked for.
        is_wanted: tells whether a slide is still to be predicted, by nobody else.

    Raises SettingsError for a folder that cannot be made.
    """

    def __init__(self, folder: Path, order: Sequence[str], is_wanted: Callable[[str], bool]):
        try:
            self._folder = make_folder(folder, "the folder for copies of slides")
        except OSError as error:
            raise SettingsError(f"--stage {folder}: cannot be used ({error.strerror or error})") from None
        remove_abandoned(self._folder)
        self._order, self._is_wanted = list(order), is_wanted
        self._copier = ThreadPoolExecutor(1, "copies slides")
        self._ahead: _Copy | None = None

    @contextmanager
    def copy(self, path: str) -> Iterator[str]:
        """Yield where to read a slide in this context: its copy, or the slide itself; the next one is copied meanwhile.

        Afterwards the copy is removed.
        """
        taken = self._taken(path)
        try:
            place = taken.ready.result() if taken.ready is not None else None
        except BaseException:  # the user, or a signal
            taken.stopped.set()
            shutil.rmtree(taken.folder, ignore_errors=True)
            raise
        following = self._following(path)
        self._ahead = None if following is None else self._begin(following)
        try:
            yield path if place is None else os.fspath(place)
        finally:
            shutil.rmtree(taken.folder, ignore_errors=True)

    def close(self) -> None:
        """End copying and remove what was copied ahead."""
        self._drop()
        self._copier.shutdown()

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _taken(self, path: str) -> _Copy:
        """Return the copy of a slide; another one that was made ahead is dropped."""
        if self._ahead is None or self._ahead.path != path:
            self._drop()
            return self._begin(path)
        ahead, self._ahead = self._ahead, None
        return ahead

    def _following(self, path: str) -> str | None:
        behind = self._order[self._order.index(path) + 1 :] if path in self._order else []
        return next((other for other in behind if self._is_wanted(other)), None)

    def _begin(self, path: str) -> _Copy:
        begun = _Copy(path, self._folder / partial_name())
        begun.ready = self._copier.submit(_copied, begun)
        return begun

    def _drop(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead.ready is not None:
            ahead.stopped.set()
            ahead.ready.result()
            shutil.rmtree(ahead.folder, ignore_errors=True)


def _copied(copy: _Copy) -> Path | None:
    """Copy all files of a slide and return the path of its copy; None if that is not possible or was stopped."""
    try:
        return _copy_files(copy)
    except OSError as error:
        _log.warning("%s: cannot be copied to %s (%s); it is read where it is", copy.path, copy.folder.parent, error)
        shutil.rmtree(copy.folder, ignore_errors=True)
        return None


def _copy_files(copy: _Copy) -> Path | None:
    given = Path(copy.path)
    root, parts = given if given.is_dir() else given.parent, parts_of_slide(given)
    if not all(part.is_file() for part in parts):
        raise OSError("not all of its parts are files")
    needed = sum(part.stat().st_size for part in parts)
    if needed + _SPARE_BYTES > shutil.disk_usage(copy.folder.parent).free:
        _log.warning("%s: no room for it in %s; it is read where it is", copy.path, copy.folder.parent)
        return None
    target = copy.folder / root.name if given.is_dir() else copy.folder
    for part in parts:
        place = target / part.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not _copy_file(part, place, copy.stopped):
            shutil.rmtree(copy.folder, ignore_errors=True)
            return None
    return target if given.is_dir() else target / given.name


def _copy_file(source: Path, target: Path, stopped: threading.Event) -> bool:
    """Copy a file with its times; False if it was stopped."""
    with source.open("rb") as stream, target.open("xb") as copied:
        while data := stream.read(_CHUNK_BYTES):
            if stopped.is_set():
                return False
            copied.write(data)
    shutil.copystat(source, target)
    return True
