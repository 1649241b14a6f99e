"""A lock between processes that no crash leaves behind."""

import os
from contextlib import suppress
from pathlib import Path
from typing import IO


class FileLock:
    """Held by one process at a time, from `take` to `release` or the end of the process, however it ends.

    The system locks an open file; whether the file exists says nothing. Pickled copies hold nothing. Where the system
    or the file system has no such locks, every process gets them.
    """

    def __init__(self, path: Path):
        self.path = path
        self._stream: IO[bytes] | None = None

    def __reduce__(self) -> tuple[type["FileLock"], tuple[Path]]:
        return type(self), (self.path,)

    def take(self) -> bool:
        """Take the lock, which makes the file; False if another process has it."""
        while self._stream is None:
            stream = self.path.open("wb")
            if not _lock(stream):
                stream.close()
                return False
            if self._is_at_its_place(stream):
                self._stream = stream
            else:  # its holder removed it after we had opened it
                stream.close()
        return True

    def release(self) -> None:
        """Give the lock back and remove the file; without the lock nothing happens."""
        if self._stream is not None:
            with suppress(OSError):  # Windows removes no open file
                self.path.unlink()
            self._stream.close()
            self._stream = None

    def _is_at_its_place(self, stream: IO[bytes]) -> bool:
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(stream.fileno()), os.stat(self.path))
        return False


def _lock(stream: IO[bytes]) -> bool:
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
