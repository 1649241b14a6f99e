"""Gives up on opening and reading a slide in this process when a library, or a network share, takes too long.

A call that hangs cannot be ended from within its process; it stays behind in a thread that nobody waits for.
"""

import os
import queue
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from io import FileIO
from typing import Any, TypeVar

from nnunetv2.errors import UnreadableSlideError
from nnunetv2.pathology.slides.geometry import Box, Level
from nnunetv2.pathology.slides.slide_reader import Pixels, SlideReader, Valid

MOST_HANGS = 4
"""Reads of a slide that may hang, before all others fail at once."""
_CHUNK_BYTES = 2**22
Result = TypeVar("Result")
Look = Callable[[str, Callable[[], Any]], Any]
"""What `within` does with a limit that is set already: (what takes so long, call) -> the result."""


class HangingReadError(UnreadableSlideError):
    """A call did not end in time."""


def within(seconds: float | None, what: str, call: Callable[[], Result]) -> Result:
    """Return the result of a call, or raise its error; without a limit it runs in this thread.

    Parameters:
        what: takes so long, for the message: "opening it".

    Raises HangingReadError after so many seconds.
    """
    if seconds is None:
        return call()
    watched = WatchedThread()
    try:
        return watched.run(seconds, what, call)
    finally:
        watched.end()


@contextmanager
def watching(seconds: float | None) -> Iterator[Look]:
    """Yield what does many short calls as `within` does one; the first that takes too long has to be the last."""
    watched = WatchedThread()
    try:
        yield lambda what, call: watched.run(seconds, what, call)
    finally:
        watched.end()


def watched_chunks(path: str | os.PathLike[str], timeout_s: float | None) -> Generator[bytes, None, None]:
    """Yield the bytes of a file in parts.

    Raises HangingReadError if opening it, or reading a part, takes longer than the limit; OSError as usual.
    """
    watched, place, opened = WatchedThread(), os.fspath(path), ExitStack()
    try:
        what = f"{place}: opening it"
        stream = watched.run(timeout_s, what, lambda: opened.enter_context(FileIO(place)))
        while data := watched.run(timeout_s, f"{place}: reading it", partial(stream.read, _CHUNK_BYTES)):
            yield data
    finally:
        watched.end(opened.close)  # when what hangs goes on


class WatchedThread:
    """A thread for calls that may hang, one after the other; one thread, as each has memory of its own."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], Any] | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._serve, daemon=True).start()

    def run(self, seconds: float | None, what: str, call: Callable[[], Result]) -> Result:
        """Return the result of a call, or raise its error.

        Raises HangingReadError after so many seconds; the thread can then not be used any more.
        """
        self._calls.put(call)
        try:
            succeeded, answer = self._answers.get(timeout=seconds)
        except queue.Empty:
            raise HangingReadError(f"{what} takes more than {seconds:g} s (--read_timeout)") from None
        if not succeeded:
            raise answer
        result: Result = answer
        return result

    def end(self, last: Callable[[], Any] | None = None) -> None:
        """End the thread when its call has ended, and one more call, whose result nobody needs."""
        if last is not None:
            self._calls.put(last)
        self._calls.put(None)

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                answer = True, call()
            except BaseException as error:
                answer = False, error
            self._answers.put(answer)
            del call, answer  # which would keep pixels alive until the next call


class WatchedReader:
    """A reader whose calls are given up when they take too long; it opens the slide anew for the next one.

    Parameters:
        reader: opened already.
        open_anew: opens it once more.
        timeout_s: how long a call may take.
    """

    def __init__(self, reader: SlideReader, open_anew: Callable[[], SlideReader], timeout_s: float):
        self._reader: SlideReader | None = reader
        self._open_anew, self._timeout_s, self._hangs = open_anew, timeout_s, 0
        self._thread = WatchedThread()
        self.name = reader.name
        self.levels: tuple[Level, ...] = tuple(reader.levels)
        self.origin = reader.origin
        self.properties: Mapping[str, str] = reader.properties
        self.warnings: tuple[str, ...] = tuple(reader.warnings)

    def read(self, level: int, box: Box) -> tuple[Pixels, Valid]:
        """Return the pixels of a box; raises HangingReadError, and UnreadableSlideError as the reader."""
        if self._hangs >= MOST_HANGS:
            raise HangingReadError(f"reading hung {self._hangs} times for {self._timeout_s:g} s")
        return self._called("reading a part", lambda reader: reader.read(level, box))

    def icc_profile(self) -> bytes | None:
        """Return the ICC profile of the file's colours; raises HangingReadError, and as the reader."""
        return self._called("reading its colour profile", lambda reader: reader.icc_profile())

    def rest(self) -> None:
        """Close the file until the next call, which opens it anew: open, it takes memory.

        A file that cannot be closed, or not in time, is left behind.
        """
        reader, self._reader = self._reader, None
        if reader is not None:
            with suppress(OSError, HangingReadError):
                self._watched("closing it", reader.close)

    def close(self) -> None:
        """Close the file, unless a call hangs in it."""
        self._thread.end()
        if self._reader is not None:
            self._reader.close()

    def _called(self, what: str, call: Callable[[SlideReader], Result]) -> Result:
        try:
            reader = self._opened()
            return self._watched(what, partial(self._closing_late, reader, call))
        except HangingReadError:
            self._hangs += 1
            self._reader = None
            raise

    def _watched(self, what: str, call: Callable[[], Result]) -> Result:
        """Return the result of a call in the thread, which is left behind if the call hangs."""
        try:
            return self._thread.run(self._timeout_s, what, call)
        except HangingReadError:
            self._thread.end()
            self._thread = WatchedThread()
            raise

    def _closing_late(self, reader: SlideReader, call: Callable[[SlideReader], Result]) -> Result:
        try:
            return call(reader)
        finally:
            if reader is not self._reader:  # given up meanwhile
                reader.close()

    def _opened(self) -> SlideReader:
        if self._reader is None:
            self._reader = within(self._timeout_s, "opening it", self._open_anew)
        return self._reader
