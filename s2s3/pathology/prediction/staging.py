"""Copies slides from a network share to a local disk: the next one while the current one is predicted.

Only speed depends on it: a slide that cannot be copied, or has no room, is read where it is.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nnunetv2.errors import SettingsError
from nnunetv2.foundation.files import make_folder
from nnunetv2.pathology.prediction.slide_copy import SlideCopy
from nnunetv2.pathology.slides.reader_process import READ_TIMEOUT_S
from s1.partial_files import partial_name, remove_abandoned


class Stage:
    """A folder on a local disk for slides that are read soon. A context manager, which removes what it has copied.

    Parameters:
        folder: made if it is missing; processes may share it.
        order: paths of slides as they will be asked for.
        is_wanted: tells whether a slide is still to be predicted, by nobody else.
        timeout_s: without progress, after which a copy is given up. While it hangs on, no other is begun.

    Raises SettingsError for a folder that cannot be made.
    """

    def __init__(
        self,
        folder: Path,
        order: Sequence[str],
        is_wanted: Callable[[str], bool],
        timeout_s: float = READ_TIMEOUT_S,
    ):
        try:
            self._folder = make_folder(folder, "the folder for copies of slides")
        except OSError as error:
            raise SettingsError(f"--stage {folder}: cannot be used ({error.strerror or error})") from None
        remove_abandoned(self._folder)
        self._order, self._is_wanted, self._timeout_s = list(order), is_wanted, timeout_s
        self._copies: dict[str, SlideCopy] = {}
        self._left: list[SlideCopy] = []

    @contextmanager
    def copy(self, path: str) -> Iterator[str]:
        """Yield where to read a slide in this context: its copy, or the slide itself; the next one is copied meanwhile.

        Afterwards the copy is removed.
        """
        try:
            for wrongly_guessed in [other for other in self._copies if other != path]:
                self._discard(wrongly_guessed)
            self._begin(path)
            place = self._copies[path].wait(self._timeout_s) if path in self._copies else None
            following = self._following(path)
            if following is not None:
                self._begin(following)
            yield path if place is None else os.fspath(place)
        finally:
            self._discard(path)

    def close(self) -> None:
        """End copying and remove what was copied."""
        for path in list(self._copies):
            self._discard(path)

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _following(self, path: str) -> str | None:
        behind = self._order[self._order.index(path) + 1 :] if path in self._order else []
        return next((other for other in behind if self._is_wanted(other)), None)

    def _begin(self, path: str) -> None:
        """Begin a copy unless there is one, or one hangs, as then the share does."""
        if path in self._copies or any(copy.is_hanging for copy in (*self._left, *self._copies.values())):
            return
        self._copies[path] = SlideCopy(path, self._folder / partial_name())  # known before there is a file
        self._copies[path].begin()

    def _discard(self, path: str) -> None:
        if path in self._copies:
            self._copies[path].discard()
            self._left = [copy for copy in (*self._left, self._copies.pop(path)) if copy.is_hanging]
