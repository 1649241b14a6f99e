"""A copy of a slide on a local disk, made by a thread that nobody has to wait for, should the network share hang."""

import logging
import os
import shutil
import threading
import time
from pathlib import Path

from nnunetv2.errors import DriftError
from nnunetv2.foundation.unlinked_files import open_unlinked
from nnunetv2.pathology.slides.slide_parts import parts_of_slide

_CHUNK_BYTES = 2**24
_SPARE_BYTES = 2**30
"""Of the disk, that copies leave free."""
_LOOKS_EVERY_S = 1.0
_ENDS_WITHIN_S = 5.0
_log = logging.getLogger(__name__)


class SlideCopy:
    """A slide on its way to the local disk, from `begin` to `discard`; links among its files are not followed.

    Parameters:
        path: of the slide.
        folder: for the copy alone, made by it.
    """

    def __init__(self, path: str, folder: Path):
        self.path = path
        self._folder = folder
        self._stopped, self._ended = threading.Event(), threading.Event()
        self._ended.set()
        self._progress_at = time.monotonic()
        self._place: Path | None = None

    def begin(self) -> None:
        """Copy from now on."""
        self._ended.clear()
        threading.Thread(target=self._work, name=f"copies {self.path}", daemon=True).start()

    @property
    def is_hanging(self) -> bool:
        """Whether it was given up and has not ended."""
        return self._stopped.is_set() and not self._ended.is_set()

    def wait(self, timeout_s: float) -> Path | None:
        """Return the path of the whole copy; None if there is none, as it failed or hangs.

        Parameters:
            timeout_s: without any progress, after which it is given up.
        """
        while not self._ended.wait(min(_LOOKS_EVERY_S, timeout_s)):
            if time.monotonic() - self._progress_at > timeout_s:
                self._stopped.set()
                self._warn(f"copying it makes no progress for {timeout_s:g} s")
                return None
        return None if self._stopped.is_set() else self._place

    def discard(self) -> None:
        """Stop it and remove it; a copy that hangs removes itself when it goes on."""
        self._stopped.set()
        if time.monotonic() - self._progress_at < _ENDS_WITHIN_S:
            self._ended.wait(_ENDS_WITHIN_S)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _work(self) -> None:
        try:
            self._place = self._copied()
        except (OSError, DriftError) as error:
            self._warn(f"cannot be copied to {self._folder.parent} ({error})")
        finally:
            if self._place is None or self._stopped.is_set():
                shutil.rmtree(self._folder, ignore_errors=True)
            self._ended.set()

    def _copied(self) -> Path | None:
        """Copy all files of the slide and return the path of its copy; None if it was stopped."""
        given = Path(self.path)
        root, parts = given if given.is_dir() else given.parent, parts_of_slide(given)
        if not all(part.is_file() for part in parts):
            raise OSError("not all of its parts are files")
        self._require_room(sum(part.stat().st_size for part in parts))
        self._folder.mkdir(mode=0o700)
        target = self._folder / root.name if given.is_dir() else self._folder
        for part in parts:
            place = target / part.relative_to(root)
            place.parent.mkdir(parents=True, exist_ok=True)
            if not self._copy_file(Path(os.path.realpath(given)) if part == given else part, place):
                return None
        return target if given.is_dir() else target / given.name

    def _copy_file(self, source: Path, target: Path) -> bool:
        """Copy a file with its times; False if it was stopped."""
        with open_unlinked(source, os.O_RDONLY, "rb") as stream, target.open("xb") as copied:
            while data := stream.read(_CHUNK_BYTES):
                if self._stopped.is_set():
                    return False
                self._require_room(len(data))
                copied.write(data)
                self._progress_at = time.monotonic()
        shutil.copystat(source, target)
        return True

    def _require_room(self, size: int) -> None:
        """Raise OSError if the disk would be full; asked again and again, as others fill it meanwhile."""
        if size + _SPARE_BYTES > shutil.disk_usage(self._folder.parent).free:
            raise OSError("no room for it")

    def _warn(self, what: str) -> None:
        _log.warning("%s: %s; it is read where it is", self.path, what)
