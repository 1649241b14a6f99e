"""Read blocks of a view in processes of their own, so that a decoder that hangs or crashes costs a block, not the run.

Blocks come back in the order in which they were asked for. A process that does not answer in time, or dies, is replaced
and its block read again in the next way of `rescue.Step`.
"""

import multiprocessing.connection
import shutil
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any

import numpy as np

from nnunetv2.errors import UnreadableSlideError
from nnunetv2.foundation.worker_process import start_process
from nnunetv2.pathology.slides.geometry import Box, cells_of
from nnunetv2.pathology.slides.rescue import RescuingView, Step
from nnunetv2.pathology.slides.slide_block import Block, DamagedPart, States, failed, joined
from nnunetv2.pathology.slides.slide_reader import Pixels
from nnunetv2.pathology.slides.slide_source import SlideSource
from nnunetv2.pathology.slides.view import BLOCK_PX, SlideView
from s1.cpus import usable_cpus

READ_TIMEOUT_S = 60.0
MOST_READERS = 4
BLOCKS_PER_READER = 3
"""Blocks that are being read, or read and waiting for an earlier one."""
_BYTES_PER_PIXEL = 4
_SHARED = Path("/dev/shm")

_Answer = tuple[bytes | None, tuple[DamagedPart, ...]]
"""The values (h, w, 4) of a block, red, green, blue, state, or None if they are in shared memory; the damage."""


def default_readers() -> int:
    """Return how many reader processes are started if the user does not say: CPUs - 1, at most 4."""
    return max(0, min(MOST_READERS, usable_cpus() - 1))


def read_blocks(
    source: SlideSource, boxes: Iterable[Box], readers: int, timeout_s: float = READ_TIMEOUT_S
) -> Generator[Block, None, None]:
    """Yield the blocks of a view in the order of their boxes.

    Close the generator (`contextlib.closing`) if it may be left early: only then have the processes ended.

    Parameters:
        boxes: parts of the view, each within it and of at most 1024 x 1024 pixels for the memory that is planned.
        readers: processes; 0 reads in this one, without protection against decoders that crash.
        timeout_s: how long one block may take.

    Raises UnreadableSlideError if the slide cannot be opened or has vanished.
    """
    with closing(_readers(source, readers, timeout_s)) as pool:
        yield from pool.read(boxes)


@contextmanager
def reading_windows(
    source: SlideSource, readers: int, timeout_s: float = READ_TIMEOUT_S
) -> Iterator[Callable[[Box], Pixels]]:
    """Yield a function that returns the pixels (h, w, 3) of any box within a view; arguments as of `read_blocks`.

    A box is read in the same parts whoever reads it, so that its pixels do not depend on that.
    """
    with closing(_readers(source, readers, timeout_s)) as pool:
        yield lambda window: joined(window, pool.read(cells_of(window, BLOCK_PX))).pixels


@dataclass(frozen=True)
class Reading:
    """By how many processes a slide is read, and how long one block may take."""

    readers: int = 0
    timeout_s: float = READ_TIMEOUT_S

    def whole(self, source: SlideSource, view: SlideView) -> tuple[Pixels, States]:
        """Return all pixels (h, w, 3) of a view that fits into memory, and the PixelState (h, w) of each."""
        window = Box(0, 0, view.width, view.height)
        with closing(read_blocks(source, view.blocks(), self.readers, self.timeout_s)) as blocks:
            block = joined(window, blocks)
            return block.pixels, block.state


IN_THIS_PROCESS = Reading()
"""Without protection against decoders that crash."""


class _ThisProcess:
    """Reads without protection against decoders that crash; those that hang are left behind in their thread."""

    def __init__(self, source: SlideSource, timeout_s: float):
        self._view = RescuingView(source, timeout_s)

    def read(self, boxes: Iterable[Box]) -> Iterator[Block]:
        """Yield blocks in order."""
        return (self._view.read(box) for box in boxes)

    def close(self) -> None:
        """Close the slide."""
        self._view.close()


def _readers(source: SlideSource, readers: int, timeout_s: float) -> "_Readers | _ThisProcess":
    return _Readers(source, readers, timeout_s) if readers else _ThisProcess(source, timeout_s)


@dataclass(eq=False)
class _Request:
    """A block under way, and how it is to be read; `step` rises with each process that it costs."""

    box: Box
    step: Step = Step.USUAL
    is_second_try: bool = False
    block: Block | None = None

    def escalate(self) -> None:
        """Read it once more in the usual way, then in the next."""
        if self.step == Step.USUAL and not self.is_second_try:
            self.is_second_try = True
        else:
            self.step = Step(self.step + 1)


@dataclass(eq=False)
class _Reader:
    process: Any
    connection: Any
    memory: shared_memory.SharedMemory | None
    request: _Request | None = None
    deadline: float = 0.0


class _Readers:
    """The processes of one slide."""

    def __init__(self, source: SlideSource, readers: int, timeout_s: float):
        self._source, self._timeout_s, self._number = source, timeout_s, readers
        self._readers: list[_Reader] = []
        self._waiting: deque[_Request] = deque()

    def read(self, boxes: Iterable[Box]) -> Iterator[Block]:
        """Yield blocks in order; so many are under way that no reader waits, and no more."""
        ordered: deque[_Request] = deque()
        for box in boxes:
            request = _Request(box)
            ordered.append(request)
            self._waiting.append(request)
            self._hand_out()
            while len(ordered) >= BLOCKS_PER_READER * self._number or (ordered and ordered[0].block):
                yield self._result(ordered.popleft())
        while ordered:
            yield self._result(ordered.popleft())

    def close(self) -> None:
        """End all processes."""
        for reader in self._readers:
            _end(reader)
        self._readers.clear()

    def _result(self, request: _Request) -> Block:
        while request.block is None:
            self._hand_out()
            self._collect()
        return request.block

    def _hand_out(self) -> None:
        while self._waiting:
            reader = next((reader for reader in self._readers if reader.request is None), None)
            if reader is None and len(self._readers) >= self._number:
                return
            request = self._waiting.popleft()
            if request.step == Step.WHITE:
                request.block = failed(request.box, "reading it hangs or ends the reader process")
                continue
            if reader is None:
                reader = _Reader(*start_process(1), _new_memory())
                self._readers.append(reader)
            self._send(reader, request)

    def _send(self, reader: _Reader, request: _Request) -> None:
        reader.request, reader.deadline = request, time.monotonic() + self._timeout_s
        name = reader.memory.name if reader.memory else None
        arguments = self._source, request.box, request.step, name
        try:
            reader.connection.send((self._source.path, _read_here, arguments))
        except ConnectionError:
            self._replace(reader)

    def _collect(self) -> None:
        """Take in what has arrived; replace readers that are dead or late."""
        busy = {reader.connection: reader for reader in self._readers if reader.request is not None}
        wait_s = min((reader.deadline for reader in busy.values()), default=time.monotonic()) - time.monotonic()
        for connection in multiprocessing.connection.wait(list(busy), max(0.0, wait_s)):
            self._receive(busy[connection])
        for reader in [reader for reader in busy.values() if reader.request and time.monotonic() > reader.deadline]:
            self._replace(reader)

    def _receive(self, reader: _Reader) -> None:
        assert reader.request is not None
        try:
            succeeded, answer = reader.connection.recv()
        except (EOFError, OSError):
            self._replace(reader)
            return
        if not succeeded:
            raise UnreadableSlideError(getattr(answer, "reason", str(answer))) from answer
        reader.request.block = _received(reader.request.box, reader.memory, answer)
        reader.request = None

    def _replace(self, reader: _Reader) -> None:
        request = reader.request
        assert request is not None
        self._readers.remove(reader)
        _end(reader)
        request.escalate()
        self._waiting.appendleft(request)


def _end(reader: _Reader) -> None:
    reader.connection.close()
    reader.process.kill()
    reader.process.join()
    if reader.memory is not None:
        reader.memory.close()
        reader.memory.unlink()


def _received(box: Box, memory: shared_memory.SharedMemory | None, answer: _Answer) -> Block:
    """Return the block that a reader has put into its memory, or sent."""
    data, damaged = answer
    source = memory.buf if data is None and memory is not None else data
    values = np.frombuffer(source or b"", np.uint8, box.width * box.height * _BYTES_PER_PIXEL)
    values = values.reshape(box.height, box.width, _BYTES_PER_PIXEL)
    return Block(box, np.ascontiguousarray(values[..., :3]), values[..., 3].copy(), damaged)


def _new_memory() -> shared_memory.SharedMemory | None:
    """Return memory for one block; None if there is so little that using it could end a process (SIGBUS)."""
    size = BLOCK_PX * BLOCK_PX * _BYTES_PER_PIXEL
    if _SHARED.is_dir() and shutil.disk_usage(_SHARED).free < 2 * size:
        return None
    return shared_memory.SharedMemory(create=True, size=size)


_OPENED: dict[SlideSource, RescuingView] = {}
"""The one view that a reader process has open."""


def _read_here(source: SlideSource, box: Box, step: Step, memory_name: str | None) -> _Answer:
    """Read a block in a reader process; put it into shared memory if it fits, else return its bytes."""
    if source not in _OPENED:
        _OPENED[source] = RescuingView(source)
    block = _OPENED[source].read(box, step)
    values = np.concatenate([block.pixels, block.state[..., None]], axis=2)
    if memory_name is None or box.width * box.height > BLOCK_PX * BLOCK_PX:
        return values.tobytes(), block.damaged
    memory = shared_memory.SharedMemory(memory_name)
    np.ndarray(values.shape, np.uint8, memory.buf)[:] = values
    memory.close()
    return None, block.damaged
